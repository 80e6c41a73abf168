/*
 * What the torture programs share: random choices from a seed that is printed first and can be given again, threads
 * with a generator each, and a check that names what was broken. Plain blocking programs: they know nothing of Vervet.
 *
 *   PROGRAM [SEED [OPERATIONS]]
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
#include <atomic>
using std::atomic_int;
using std::atomic_long;
#else
#include <stdatomic.h>
#endif

enum { MAX_THREADS = 24 };

struct dice {
	uint64_t state;
};

static uint64_t seed;
static long operations = 300;
static int threads;

#define insist(condition)                                                                                    \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(                                                                             \
			    stderr, "seed %lu: %s:%d: not so: %s\n", seed, __FILE__, __LINE__, #condition);  \
			_exit(99);                                                                           \
		}                                                                                            \
	} while (0)

/* splitmix64 */
static inline uint64_t roll(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* 0 to n - 1 */
static inline unsigned pick(struct dice *d, unsigned n)
{
	return roll(d) % n;
}

static inline struct timespec in_us(clockid_t clock, long us)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_nsec += us % 1000000 * 1000;
	ts.tv_sec += us / 1000000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* Something that takes time, of a random kind: nothing, computing, giving way, sleeping. */
static inline void dawdle(struct dice *d)
{
	switch (pick(d, 16)) {
	case 0:
		usleep(pick(d, 200));
		break;
	case 1:
	case 2:
		sched_yield();
		break;
	case 3:
		for (unsigned n = pick(d, 20000); n > 0; n--)
			__asm__ volatile("");
		break;
	}
}

/* Wait for t's end for a little while, in way 0, 1 or 2. Returns 0 if it has ended. */
static inline int join_briefly(pthread_t t, unsigned way, struct dice *d, void **value)
{
	clockid_t clock = way == 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	struct timespec ts = in_us(clock, pick(d, 300));
	int r;

	if (way == 0)
		r = pthread_tryjoin_np(t, value);
	else if (way == 1)
		r = pthread_timedjoin_np(t, value, &ts);
	else
		r = pthread_clockjoin_np(t, value, clock, &ts);
	insist(r == 0 || r == (way == 0 ? EBUSY : ETIMEDOUT));
	return r;
}

static inline void begin(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) * 1000 + getpid();
	if (argc > 2)
		operations = atol(argv[2]);
	struct dice d = {seed};
	threads = 2 + pick(&d, MAX_THREADS - 2);
	printf("seed %lu, %d threads\n", seed, threads);
	fflush(stdout);
	alarm(600);
}

/* Run fn(dice) on that many threads, the main one among them, each with dice of its own, and wait for all. */
static inline void run_all(int n, void *(*fn)(void *))
{
	static struct dice dice[MAX_THREADS];
	pthread_t t[MAX_THREADS];

	for (int i = 0; i < n; i++)
		dice[i].state = seed * 31 + i;
	for (int i = 1; i < n; i++)
		insist(pthread_create(&t[i], NULL, fn, &dice[i]) == 0);
	fn(&dice[0]);
	for (int i = 1; i < n; i++)
		insist(pthread_join(t[i], NULL) == 0);
}

#endif
