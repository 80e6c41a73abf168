/*
 * The main thread gives itself CPUs when the others have ended: it runs there, as sched_getcpu says, wherever it has been
 * moved to meanwhile; and threads that it makes later inherit them.
 */
#include "check.h"

#include <sched.h>

static void *yields(void *until)
{
	while (!*(volatile int *)until)
		sched_yield();
	return NULL;
}

static void *where(void *cpu)
{
	for (int i = 0; i < 100; i++) {
		expect(sched_getcpu() == (long)cpu);
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	volatile int end = 0;
	cpu_set_t all, one;
	pthread_t t[2];

	sched_getaffinity(0, sizeof all, &all);
	for (int i = 0; i < 2; i++)
		t[i] = start(yields, (void *)&end);
	compute(50);
	end = 1;
	join(t[0]);
	join(t[1]);
	for (long cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		expect(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0);
		where((void *)cpu);
		join(start(where, (void *)cpu));
		expect(pthread_getaffinity_np(pthread_self(), sizeof one, &one) == 0);
		expect(CPU_COUNT(&one) == 1 && CPU_ISSET(cpu, &one));
	}
	printf("ok\n");
	return 0;
}
