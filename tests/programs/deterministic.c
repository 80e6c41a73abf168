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

static void locks_and_yields(int i)
{
	for (int round = 0; round < ROUNDS; round++) {
		int which = (i + round) % 3;

		pthread_mutex_lock(&m[which]);
		printf("%d locked %d\n", i, which);
		if ((i * 7 + round) % 4 == 0)
			sched_yield();
		printf("%d unlocks %d\n", i, which);
		pthread_mutex_unlock(&m[which]);
		if ((i + round) % 5 == 0)
			sched_yield();
	}
}

static void meet(int i, int all)
{
	pthread_mutex_lock(&m[0]);
	if (++arrived == all)
		pthread_cond_broadcast(&c);
	while (arrived < all)
		pthread_cond_wait(&c, &m[0]);
	printf("%d goes on\n", i);
	pthread_mutex_unlock(&m[0]);
}

static void *body(void *arg)
{
	int i = (int)(long)arg;

	locks_and_yields(i);
	meet(i, THREADS);

	/* Shorter sleeps end first; were the machine so busy that two ended at once, they would still go in order. */
	sleep_ms(20 * (1 + i * 3 % THREADS));
	printf("%d slept\n", i);
	meet(i, 2 * THREADS);

	pthread_mutex_lock(&m[1]);
	sleep_ms(2);
	printf("%d slept with the lock\n", i);
	pthread_mutex_unlock(&m[1]);
	locks_and_yields(i);
	meet(i, 3 * THREADS);
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
