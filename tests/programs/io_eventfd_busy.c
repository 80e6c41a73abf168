/*
 * Threads that compute for long, and get in each other's way at a lock, tell others by eventfds: whoever is told runs, and
 * nothing is lost.
 */
#include "check.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>

enum { WRITERS = 4, READERS = 2, WAITERS = 6, ROUNDS = 20 };

static int fds[READERS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int posted;

static void *writes(void *arg)
{
	uint64_t one = 1;

	for (int i = 0; i < ROUNDS; i++) {
		compute(2);
		pthread_mutex_lock(&lock);
		compute(1);
		posted++;
		pthread_cond_broadcast(&more);
		pthread_mutex_unlock(&lock);
		for (int k = 0; k < READERS; k++)
			expect(write(fds[k], &one, sizeof one) == sizeof one);
	}
	return arg;
}

static void *waits(void *arg)
{
	pthread_mutex_lock(&lock);
	while (posted < WRITERS * ROUNDS)
		pthread_cond_wait(&more, &lock);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *reads(void *arg)
{
	struct pollfd p = {*(int *)arg, POLLIN, 0};
	uint64_t all = 0, n;

	while (all < WRITERS * ROUNDS) {
		expect(poll(&p, 1, -1) == 1);
		expect(read(p.fd, &n, sizeof n) == sizeof n);
		all += n;
	}
	printf("told %d times\n", (int)all);
	return arg;
}

int main(void)
{
	pthread_t t[READERS + WAITERS + WRITERS];

	for (int i = 0; i < READERS; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		t[i] = start(reads, &fds[i]);
	}
	for (int i = 0; i < WAITERS; i++)
		t[READERS + i] = start(waits, NULL);
	for (int i = 0; i < WRITERS; i++)
		t[READERS + WAITERS + i] = start(writes, NULL);
	for (int i = 0; i < READERS + WAITERS + WRITERS; i++)
		join(t[i]);
	return 0;
}
