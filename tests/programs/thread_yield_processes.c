/* Threads that only yield leave the processor to another process that computes. */
#include "check.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { YIELDERS = 3, BURN_MS = 200 };

static atomic_int over;

static void *yields(void *unused)
{
	while (!over)
		sched_yield();
	return unused;
}

static long cpu_ms(clockid_t clock)
{
	struct timespec t;

	expect(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t burner(void)
{
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid)
		return pid;
	while (cpu_ms(CLOCK_PROCESS_CPUTIME_ID) < BURN_MS)
		;
	_exit(0);
}

int main(void)
{
	pthread_t t[YIELDERS];
	pid_t child;
	long cpu;

	one_processor();
	child = burner();
	cpu = cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < YIELDERS; i++)
		expect(pthread_create(&t[i], NULL, yields, NULL) == 0);
	expect(waitpid(child, NULL, 0) == child);
	over = 1;
	for (int i = 0; i < YIELDERS; i++)
		expect(pthread_join(t[i], NULL) == 0);
	cpu = cpu_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	puts(cpu < BURN_MS / 3 ? "left to others" : "kept from others");
	return 0;
}
