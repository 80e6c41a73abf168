/*
 * What the test programs share. Nothing here knows Vervet: a program runs plain first, and its output must not
 * depend on the speed of anything, so that the two runs can be compared byte for byte.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The program is wrong if this is not so. */
#define expect(condition)                                                                                    \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: not so: %s (errno %s)\n", __FILE_NAME__, __LINE__,           \
			    #condition, errno_name(errno));                                                  \
			fflush(NULL);                                                                        \
			_exit(99);                                                                           \
		}                                                                                            \
	} while (0)

/* Print a call with its result; -1 comes with its errno. */
#define tell(call)                                                                                           \
	do {                                                                                                 \
		errno = 0;                                                                                   \
		long tell_result = (long)(call);                                                             \
		int tell_errno = errno;                                                                      \
		if (tell_result == -1)                                                                       \
			printf("%s: %s\n", #call, errno_name(tell_errno));                                   \
		else                                                                                         \
			printf("%s: %ld\n", #call, tell_result);                                             \
	} while (0)

/* Print a call that returns an error number. */
#define tell_error(call) printf("%s: %s\n", #call, errno_name(call))

#ifndef __FILE_NAME__
#define __FILE_NAME__ (strrchr("/" __FILE__, '/') + 1)
#endif

static inline const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "?";
}

static inline void sleep_ms(int ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Give the others the time to block. No output may depend on whether they did. */
static inline void let_block(void)
{
	sleep_ms(20);
}

static inline struct timespec clock_in(clockid_t clock, int ms)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_nsec += ms % 1000 * 1000000L;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* Use the processor for so long. */
static inline void compute(int ms)
{
	struct timespec until = clock_in(CLOCK_MONOTONIC, ms), now;

	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
}

/* All threads on one, so that none has another for itself. */
static inline void one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	expect(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static inline pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	expect(pthread_create(&t, NULL, fn, arg) == 0);
	return t;
}

static inline void *join(pthread_t t)
{
	void *value;

	expect(pthread_join(t, &value) == 0);
	return value;
}

/* What wait says of a child that has run f(arg). */
static inline int in_child(void (*f)(void *), void *arg)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	expect(child >= 0);
	if (child == 0) {
		f(arg);
		exit(0);
	}
	expect(waitpid(child, &status, 0) == child);
	return status;
}

/* A thread that ticks every millisecond beside what the program does: was it held up? */
static int ticking_over;

static inline void *tick_beside(void *arg)
{
	long n = 0;

	(void)arg;
	for (; !__atomic_load_n(&ticking_over, __ATOMIC_SEQ_CST); n++)
		sleep_ms(1);
	return (void *)n;
}

static inline const char *ticks_beside(pthread_t ticker, long few)
{
	__atomic_store_n(&ticking_over, 1, __ATOMIC_SEQ_CST);
	return (long)join(ticker) > few ? "many" : "few";
}

/* A number that only grows: threads wait for their turn, whatever their speed. */
struct turn {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int now;
};
#define TURN                                                                                                 \
	{                                                                                                    \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                       \
	}

static inline void turn_wait(struct turn *turn, int n)
{
	pthread_mutex_lock(&turn->lock);
	while (turn->now < n)
		pthread_cond_wait(&turn->moved, &turn->lock);
	pthread_mutex_unlock(&turn->lock);
}

static inline void turn_set(struct turn *turn, int n)
{
	pthread_mutex_lock(&turn->lock);
	turn->now = n;
	pthread_cond_broadcast(&turn->moved);
	pthread_mutex_unlock(&turn->lock);
}

#endif
