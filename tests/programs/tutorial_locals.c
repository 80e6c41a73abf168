/*
 * Locals: each thread sees its own x, and not the other's; with __thread and with a key.
 */
#include "check.h"

static __thread int x;
static pthread_key_t stash;

static void *f1(void *arg)
{
	x = 1;
	pthread_setspecific(stash, "x");
	sched_yield();
	printf("%d %s\n", x, (char *)pthread_getspecific(stash));
	return arg;
}

static void *f2(void *arg)
{
	sched_yield();
	printf(x || pthread_getspecific(stash) ? "x leaked into f2\n" : "x is not local to f2\n");
	return arg;
}

int main(void)
{
	pthread_key_create(&stash, NULL);
	pthread_t a = start(f1, NULL);
	join(a);
	pthread_t b = start(f2, NULL);
	join(b);
	printf("main: %d\n", x);
	return 0;
}
