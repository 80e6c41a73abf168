/*
 * Threads are detached at the moment at which they end, by a thread that is bound to a core and so runs beside them: each
 * is put away once, and who gets its memory next has it alone.
 */
#include "check.h"

#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 40, BATCH = 64 };

static atomic_long ended;
static _Thread_local atomic_int users;

static void *use_memory(void *counted)
{
	expect(users++ == 0);
	if (counted)
		ended++;
	users--;
	return NULL;
}

static void dawdle(int n)
{
	for (; n > 0; n--)
		__asm__ volatile("");
}

static void *detach_all(void *unused)
{
	pthread_t t[BATCH];

	for (int n = 0; n < ROUNDS; n++) {
		for (int i = 0; i < BATCH; i++)
			expect(pthread_create(&t[i], NULL, use_memory, &ended) == 0);
		for (int i = 0; i < BATCH; i++) {
			while (ended <= n * BATCH + i)
				sched_yield();
			dawdle((n * 31 + i * 7) % 4000);
			expect(pthread_detach(t[i]) == 0);
		}
	}
	return unused;
}

/* A core of its own, if there are two. */
static pthread_t start_bound(void *(*fn)(void *))
{
	pthread_attr_t attr;
	pthread_t t;
	cpu_set_t cpus;
	int last = CPU_SETSIZE;

	expect(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
	while (!CPU_ISSET(last - 1, &cpus))
		last--;
	CPU_ZERO(&cpus);
	CPU_SET(last - 1, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof cpus, &cpus);
	expect(pthread_create(&t, &attr, fn, NULL) == 0);
	pthread_attr_destroy(&attr);
	return t;
}

int main(void)
{
	pthread_t bound = start_bound(detach_all), t;

	while (ended < ROUNDS * BATCH) {
		expect(pthread_create(&t, NULL, use_memory, NULL) == 0);
		expect(pthread_join(t, NULL) == 0);
	}
	expect(pthread_join(bound, NULL) == 0);
	printf("%ld ended\n", ended);
	return 0;
}
