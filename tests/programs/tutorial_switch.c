/*
 * Two threads that give way to each other take turns, in order of creation.
 * vervet-runs: 20
 */
#include "check.h"

static void *foo(void *arg)
{
	printf("Running in foo\n");
	sched_yield();
	printf("Explicit context switch to foo again\n");
	return arg;
}

static void *bar(void *arg)
{
	printf("Explicit context to bar\n");
	sched_yield();
	printf("Implicit context switch back to bar\n");
	return arg;
}

int main(void)
{
	pthread_t a = start(foo, NULL), b = start(bar, NULL);

	join(a);
	join(b);
	return 0;
}
