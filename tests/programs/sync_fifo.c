/*
 * Waiters are served first come, first served: condition variables, semaphores and mutexes that are handed over. A
 * kernel's thread may overtake; under Vervet the order is the same in every run.
 * vervet-runs: 50
 */
#include "check.h"

#include <semaphore.h>

enum { WAITERS = 5 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static int go;

static void *on_cond(void *arg)
{
	pthread_mutex_lock(&m);
	while (!go)
		pthread_cond_wait(&c, &m);
	printf("broadcast woke %ld\n", (long)arg);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void *on_signal(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_cond_wait(&c, &m);
	printf("signal woke %ld\n", (long)arg);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void *on_sem(void *arg)
{
	sem_wait(&sem);
	printf("post woke %ld\n", (long)arg);
	return NULL;
}

static void *on_mutex(void *arg)
{
	pthread_mutex_lock(&m);
	printf("locked by %ld\n", (long)arg);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void start_all(pthread_t *t, void *(*fn)(void *))
{
	for (long i = 0; i < WAITERS; i++) {
		t[i] = start(fn, (void *)i);
		sched_yield();
		sleep_ms(2);
	}
}

static void join_all(pthread_t *t)
{
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
}

int main(void)
{
	pthread_t t[WAITERS];

	sem_init(&sem, 0, 0);
	start_all(t, on_cond);
	pthread_mutex_lock(&m);
	go = 1;
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
	join_all(t);

	start_all(t, on_signal);
	for (int i = 0; i < WAITERS; i++) {
		pthread_mutex_lock(&m);
		pthread_cond_signal(&c);
		pthread_mutex_unlock(&m);
		sleep_ms(2);
	}
	join_all(t);

	start_all(t, on_sem);
	for (int i = 0; i < WAITERS; i++)
		sem_post(&sem);
	join_all(t);

	pthread_mutex_lock(&m);
	start_all(t, on_mutex);
	pthread_mutex_unlock(&m);
	join_all(t);
	return 0;
}
