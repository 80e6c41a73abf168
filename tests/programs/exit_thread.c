/*
 * exit called by a thread ends the program with its status while main waits; atexit functions run there.
 * vervet-status: 9
 */
#include "check.h"

static pthread_t caller;

static void at_exit(void)
{
	printf("at exit, in the calling thread: %d\n", pthread_equal(pthread_self(), caller) != 0);
}

static void *leave(void *arg)
{
	caller = pthread_self();
	let_block();
	printf("buffered");
	exit((int)(long)arg);
}

static void *wait_for_ever(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	return NULL;
}

int main(void)
{
	pthread_t t;

	atexit(at_exit);
	t = start(leave, (void *)9L);
	start(wait_for_ever, &t);
	sleep(1000);
	return 1;
}
