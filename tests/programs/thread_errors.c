/*
 * The errors of joining and detaching, and that a failed call changes nothing.
 */
#include "check.h"

static struct turn turn = TURN;

static void *join_myself(void *arg)
{
	(void)arg;
	tell_error(pthread_join(pthread_self(), NULL));
	return (void *)1L;
}

static void *wait_for_turn(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	return arg;
}

static void *leave(void *arg)
{
	pthread_exit(arg);
}

/* libc keeps some stacks of the ended, and says so to who asks again. */
static void join_again(void)
{
	pthread_t t = start(leave, (void *)2L);

	printf("value of one that left: %ld\n", (long)join(t));
	tell_error(pthread_join(t, NULL));
	tell_error(pthread_tryjoin_np(t, NULL));
	tell_error(pthread_detach(t));
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;
	void *value;

	printf("value after its own join failed: %ld\n", (long)join(start(join_myself, NULL)));

	t = start(wait_for_turn, (void *)1L);
	tell_error(pthread_tryjoin_np(t, &value));
	tell_error(pthread_detach(t));
	tell_error(pthread_detach(t));
	tell_error(pthread_join(t, NULL));
	tell_error(pthread_tryjoin_np(t, NULL));
	turn_set(&turn, 1);

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	tell_error(pthread_create(&t, &attr, wait_for_turn, (void *)3L));
	tell_error(pthread_join(t, NULL));
	turn_set(&turn, 3);
	join_again();
	return 0;
}
