/*
 * vervet-link: -lm
 * Making a thread, waiting and forking raise no floating-point flag and clear none.
 */
#include "check.h"

#include <fenv.h>

static void *nap(void *unused)
{
	usleep(1000);
	return unused;
}

static void check(const char *after)
{
	printf("%s: %s\n", after, fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO ? "as before" : "changed");
	fflush(stdout);
	feclearexcept(FE_ALL_EXCEPT);
	feraiseexcept(FE_DIVBYZERO);
}

static void thread_and_sleep(void)
{
	pthread_t t = start(nap, NULL);

	check("create");
	usleep(500);
	check("sleep");
	join(t);
	check("join");
}

int main(void)
{
	pid_t child;

	feraiseexcept(FE_DIVBYZERO);
	thread_and_sleep();
	child = fork();
	check("fork");
	if (child == 0) {
		thread_and_sleep();
		_exit(0);
	}
	expect(waitpid(child, NULL, 0) == child);
	check("wait");
	return 0;
}
