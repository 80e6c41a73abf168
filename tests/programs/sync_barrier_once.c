/*
 * Barriers: exactly one serial thread a round, nobody a round ahead, reuse; pthread_once: once, also when many come
 * together and the routine blocks.
 */
#include "check.h"

enum { THREADS = 7, ROUNDS = 100 };

static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int serial, round_of[THREADS], inits;

static void initialise(void)
{
	sleep_ms(3);
	inits++;
}

static void *work(void *arg)
{
	int i = (int)(long)arg;

	pthread_once(&once, initialise);
	expect(inits == 1);
	for (int round = 1; round <= ROUNDS; round++) {
		pthread_mutex_lock(&m);
		round_of[i] = round;
		pthread_mutex_unlock(&m);
		if (round % 10 == i)
			sched_yield();
		int r = pthread_barrier_wait(&barrier);
		expect(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
		pthread_mutex_lock(&m);
		serial += r == PTHREAD_BARRIER_SERIAL_THREAD;
		for (int j = 0; j < THREADS; j++)
			expect(round_of[j] >= round && round_of[j] <= round + 1);
		pthread_mutex_unlock(&m);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	tell_error(pthread_barrier_init(&barrier, NULL, 0));
	tell_error(pthread_barrier_init(&barrier, NULL, 1));
	tell(pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD);
	tell_error(pthread_barrier_destroy(&barrier));
	tell_error(pthread_barrier_init(&barrier, NULL, THREADS));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(work, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("serial threads: %d, initialised: %d\n", serial, inits);
	tell_error(pthread_barrier_destroy(&barrier));
	return 0;
}
