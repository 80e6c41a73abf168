/*
 * A bounded queue under one mutex and two conditions, waits timed and not, signals and broadcasts, by several producers
 * and consumers: nothing is lost, nothing comes twice, each producer's items come in its order.
 */
#include "torture.h"

enum { ROOM = 4 };

#ifdef OLD_LAYOUT /* which knows neither attributes nor other clocks */
enum { WAYS = 2, CLOCK = CLOCK_REALTIME };
#else
enum { WAYS = 3, CLOCK = CLOCK_MONOTONIC };
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty;
static long queue[ROOM], head, tail;
static int producers;
static atomic_int next_producer, producing;
static long seen[MAX_THREADS];
static long total;

static void await(pthread_cond_t *c, clockid_t clock, struct dice *d)
{
	struct timespec ts;
	int r;

	switch (pick(d, WAYS)) {
	case 0:
		insist(pthread_cond_wait(c, &mutex) == 0);
		break;
	case 1:
		ts = in_us(clock, pick(d, 400));
		r = pthread_cond_timedwait(c, &mutex, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		break;
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 400));
		r = pthread_cond_clockwait(c, &mutex, CLOCK_MONOTONIC, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		break;
	}
}

static void tell(pthread_cond_t *c, struct dice *d)
{
	if (pick(d, 10) == 0)
		pthread_cond_broadcast(c);
	else
		pthread_cond_signal(c);
}

static void produce(struct dice *d, int me)
{
	for (long n = 1; n <= operations; n++) {
		pthread_mutex_lock(&mutex);
		while (tail - head == ROOM)
			await(&not_full, CLOCK_REALTIME, d);
		queue[tail++ % ROOM] = n * MAX_THREADS + me;
		bool early = pick(d, 2);
		if (early)
			tell(&not_empty, d);
		dawdle(d);
		pthread_mutex_unlock(&mutex);
		if (!early)
			tell(&not_empty, d);
		dawdle(d);
	}
	if (--producing == 0) {
		pthread_mutex_lock(&mutex);
		pthread_cond_broadcast(&not_empty);
		pthread_mutex_unlock(&mutex);
	}
}

static void consume(struct dice *d)
{
	for (;;) {
		pthread_mutex_lock(&mutex);
		while (tail == head && producing > 0)
			await(&not_empty, CLOCK, d);
		if (tail == head)
			break;
		long item = queue[head++ % ROOM];
		insist(++seen[item % MAX_THREADS] == item / MAX_THREADS);
		total++;
		pthread_mutex_unlock(&mutex);
		tell(&not_full, d);
		dawdle(d);
	}
	pthread_mutex_unlock(&mutex);
}

static void *work(void *dice)
{
	int me = next_producer++;

	if (me < producers)
		produce(dice, me);
	else
		consume(dice);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_condattr_t attr;

	begin(argc, argv);
	producing = producers = threads / 2;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK);
	insist(pthread_cond_init(&not_empty, CLOCK == CLOCK_REALTIME ? NULL : &attr) == 0);
	run_all(threads, work);
	insist(total == producers * operations && head == tail);
	insist(pthread_cond_destroy(&not_empty) == 0 && pthread_cond_destroy(&not_full) == 0);
	return 0;
}
