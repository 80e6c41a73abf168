/*
 * Nanoseconds of an uncontended lock and unlock of every private kind, of a semaphore, a read-write lock and a signal that
 * nobody waits for: in a program with one thread, then with a second one asleep.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { N = 4000000 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

#define TIME(what, statements)                                                                               \
	do {                                                                                                 \
		double best = 1e18;                                                                          \
		for (int round = 0; round < 5; round++) {                                                    \
			double start = now();                                                                \
			for (int i = 0; i < N / 5; i++) {                                                    \
				statements;                                                                  \
			}                                                                                    \
			double t = (now() - start) / (N / 5);                                                \
			best = t < best ? t : best;                                                          \
		}                                                                                            \
		printf("%-28s %6.1f ns\n", what, best);                                                      \
	} while (0)

static void mutexes(const char *what, int type, int protocol)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutex_init(&mutex, &attr);
	TIME(what, pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex));
}

static void all(void)
{
	mutexes("mutex", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
	mutexes("mutex, recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE);
	mutexes("mutex, error-checking", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE);
	mutexes("mutex, inheriting", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT);
	TIME("rwlock, read", pthread_rwlock_rdlock(&rwlock); pthread_rwlock_unlock(&rwlock));
	TIME("rwlock, write", pthread_rwlock_wrlock(&rwlock); pthread_rwlock_unlock(&rwlock));
	TIME("semaphore", sem_wait(&sem); sem_post(&sem));
	TIME("condition, signal", pthread_cond_signal(&cond));
}

static void *asleep(void *arg)
{
	for (;;)
		sleep(100);
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&sem, 0, 1);
	puts("one thread");
	all();
	pthread_create(&t, NULL, asleep, NULL);
	puts("two threads");
	all();
	return 0;
}
