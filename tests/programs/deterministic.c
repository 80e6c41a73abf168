/*
 * Eight threads print around mutexes, yields and sleeps: under Vervet in the same order in every run.
 * vervet-runs: 50
 */
#include "check.h"

enum { THREADS = 8, ROUNDS = 6 };

static pthread_mutex_t m[3] = {
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int arrived;

static void *body(void *arg)
{
	int i = (int)(long)arg;

	for (int round = 0; round < ROUNDS; round++) {
		pthread_mutex_lock(&m[(i + round) % 3]);
		printf("%d locked %d\n", i, (i + round) % 3);
		if ((i * 7 + round) % 4 == 0)
			sched_yield();
		printf("%d unlocks %d\n", i, (i + round) % 3);
		pthread_mutex_unlock(&m[(i + round) % 3]);
		if (round == i % ROUNDS) { /* one sleep each, far apart: their ends never meet */
			sleep_ms(30 * (i + 1));
			printf("%d slept\n", i);
		} else {
			sched_yield();
		}
	}
	pthread_mutex_lock(&m[0]);
	if (++arrived == THREADS)
		pthread_cond_broadcast(&c);
	while (arrived < THREADS)
		pthread_cond_wait(&c, &m[0]);
	printf("%d leaves\n", i);
	pthread_mutex_unlock(&m[0]);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(body, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	return 0;
}
