/*
 * Waits with time-outs of a tenth of a second, in threads, by the clocks that the program is shown. Prints how each ended.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, WAITS = 4, WAIT_NS = 100000000, SECOND_NS = 1000000000 };

static int ends[THREADS][WAITS];

static struct timespec soon(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += WAIT_NS;
	if (t.tv_nsec >= SECOND_NS) {
		t.tv_sec++;
		t.tv_nsec -= SECOND_NS;
	}
	return t;
}

static int wait_for_condition(clockid_t clock)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	struct timespec t = soon(clock);
	pthread_condattr_t a;
	pthread_cond_t c;
	int r;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, clock);
	pthread_cond_init(&c, &a);
	pthread_mutex_lock(&m);
	r = pthread_cond_timedwait(&c, &m, &t);
	pthread_mutex_unlock(&m);
	return r;
}

static void *waits(void *number)
{
	struct timespec t;
	int *end = number;
	sem_t s;

	usleep(WAIT_NS / 1000);
	end[0] = wait_for_condition(CLOCK_REALTIME);
	end[1] = wait_for_condition(CLOCK_MONOTONIC);
	sem_init(&s, 0, 0);
	t = soon(CLOCK_REALTIME);
	end[2] = sem_timedwait(&s, &t) ? errno : 0;
	t = soon(CLOCK_MONOTONIC);
	end[3] = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, waits, ends[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < WAITS; k++)
			puts(strerror(ends[i][k]));
	return 0;
}
