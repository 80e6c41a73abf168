/* Three threads wait, each in a function of its own; the fourth dies of a signal once told to. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int idle[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *wait_in_read(void *unused)
{
	char c;

	return read(idle[0], &c, 1) ? unused : NULL;
}

static void *wait_in_sleep(void *unused)
{
	sleep(100);
	return unused;
}

static void *wait_for_lock(void *unused)
{
	pthread_mutex_lock(&lock);
	return unused;
}

static void *die(void *unused)
{
	char c;

	puts("ready");
	fflush(stdout);
	if (read(0, &c, 1) >= 0)
		abort();
	return unused;
}

int main(void)
{
	void *(*const functions[])(void *) = {wait_in_read, wait_in_sleep, wait_for_lock, die};
	pthread_t t[4];

	if (pipe(idle))
		return 1;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, functions[i], NULL);
	pthread_join(t[0], NULL);
	return 0;
}
