/*
 * A thread ends with a robust mutex of any protocol, private or shared, while another waits for it: that one gets it, and
 * learns of the death.
 */
#include "check.h"

static pthread_barrier_t together;

static void *end_with(void *mutex)
{
	expect(pthread_mutex_lock(mutex) == 0);
	pthread_barrier_wait(&together);
	sleep_ms(20);
	return NULL;
}

static void *wait_for(void *mutex)
{
	long r = pthread_mutex_lock(mutex);

	expect(r == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
	return (void *)r;
}

static void check(int shared, int protocol)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	pthread_t t, u;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, shared);
	pthread_mutexattr_setprotocol(&attr, protocol);
	expect(pthread_mutex_init(&m, &attr) == 0);
	t = start(end_with, &m);
	pthread_barrier_wait(&together);
	u = start(wait_for, &m);
	printf("shared %d, protocol %d: %s\n", shared, protocol, errno_name((long)join(u)));
	join(t);
	tell_error(pthread_mutex_lock(&m));
	tell_error(pthread_mutex_unlock(&m));
	tell_error(pthread_mutex_destroy(&m));
}

int main(void)
{
	pthread_barrier_init(&together, NULL, 2);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 2; j++)
			check(i % 2, j ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
	return 0;
}
