/*
 * Detached threads, born so or made so by themselves, by others, before and after their end: all run to the end.
 */
#include "check.h"

#include <semaphore.h>

enum { THREADS = 300 };

static sem_t done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sum;

static void *work(void *arg)
{
	if ((long)arg % 3 == 0)
		expect(pthread_detach(pthread_self()) == 0);
	if ((long)arg % 5 == 0)
		sched_yield();
	pthread_mutex_lock(&lock);
	sum += (int)(long)arg;
	pthread_mutex_unlock(&lock);
	sem_post(&done);
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	sem_init(&done, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (long i = 0; i < THREADS; i++) {
		expect(pthread_create(&t, i % 3 == 1 ? &attr : NULL, work, (void *)i) == 0);
		if (i % 3 == 2)
			expect(pthread_detach(t) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		expect(sem_wait(&done) == 0);
	pthread_mutex_lock(&lock);
	printf("sum %d\n", sum);
	pthread_mutex_unlock(&lock);
	t = start(work, (void *)1L);
	sem_wait(&done);
	let_block();
	tell_error(pthread_detach(t));
	return 0;
}
