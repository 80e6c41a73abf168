/*
 * A semaphore of two places: acquired and released in the tutorial's order.
 * vervet-runs: 20
 */
#include "check.h"

#include <semaphore.h>

static sem_t sem;

static void *worker(void *n)
{
	sem_wait(&sem);
	printf("Worker %ld acquired semaphore\n", (long)n);
	sched_yield();
	sem_post(&sem);
	printf("Worker %ld released semaphore\n", (long)n);
	return NULL;
}

static void map(long from, long to)
{
	pthread_t t[4];

	for (long i = from; i < to; i++)
		t[i - from] = start(worker, (void *)i);
	for (long i = from; i < to; i++)
		join(t[i - from]);
}

int main(void)
{
	sem_init(&sem, 0, 2);
	map(0, 2);
	map(3, 6);
	return 0;
}
