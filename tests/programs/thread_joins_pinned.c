/*
 * A thread with CPUs of its own joins threads that it made before, while others stand behind them in the queue: those
 * live on, with their stacks and thread-local variables.
 */
#include "check.h"

#include <sched.h>
#include <stdatomic.h>

enum { THREADS = 32 };

static atomic_int allowed;
static __thread long turns;

static void *yielder(void *number)
{
	while (atomic_load(&allowed) < (int)(long)number) {
		turns++;
		sched_yield();
	}
	expect(turns >= 0);
	return number;
}

static void own_cpu(void)
{
	cpu_set_t cpus;
	int first = 0;

	expect(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
	while (!CPU_ISSET(first, &cpus))
		first++;
	CPU_ZERO(&cpus);
	CPU_SET(first, &cpus);
	expect(sched_setaffinity(0, sizeof cpus, &cpus) == 0);
}

int main(void)
{
	pthread_t t[THREADS];
	void *result;

	for (long i = 0; i < THREADS; i++)
		expect(pthread_create(&t[i], NULL, yielder, (void *)(i + 1)) == 0);
	own_cpu();
	for (long i = 0; i < THREADS; i++) {
		atomic_store(&allowed, i + 1);
		expect(pthread_join(t[i], &result) == 0);
		expect(result == (void *)(i + 1));
	}
	printf("joined %d\n", THREADS);
	return 0;
}
