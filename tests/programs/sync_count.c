/*
 * Mutual exclusion: threads that yield, sleep and compute inside the lock lose no increment, under every kind of lock.
 */
#include "check.h"

#include <semaphore.h>

enum { THREADS = 8, ROUNDS = 500 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t sem;
static long counters[6];

static void bump(int kind, int n)
{
	long before = counters[kind];

	if (n % 50 == 0)
		sched_yield();
	if (n % 200 == 0 && kind != 3)
		usleep(1);
	counters[kind] = before + 1;
}

static void *work(void *arg)
{
	for (int n = (int)(long)arg; n < ROUNDS + (int)(long)arg; n++) {
		pthread_mutex_lock(&mutex);
		bump(0, n);
		pthread_mutex_unlock(&mutex);

		pthread_mutex_lock(&recursive);
		pthread_mutex_lock(&recursive);
		bump(1, n);
		pthread_mutex_unlock(&recursive);
		pthread_mutex_unlock(&recursive);

		pthread_rwlock_wrlock(&rwlock);
		bump(2, n);
		pthread_rwlock_unlock(&rwlock);

		pthread_spin_lock(&spin);
		bump(3, n);
		pthread_spin_unlock(&spin);

		sem_wait(&sem);
		bump(4, n);
		sem_post(&sem);

		while (pthread_mutex_trylock(&mutex))
			sched_yield();
		bump(5, n);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	sem_init(&sem, 0, 1);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(work, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	for (int i = 0; i < 6; i++)
		printf("%ld\n", counters[i]);
	return 0;
}
