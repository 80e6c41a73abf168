/*
 * Attributes that take effect: the defaults set by pthread_setattr_default_np count for threads made without attributes,
 * and for C11 threads; the signal mask of the attributes instead of the creator's; CPUs that do not exist are refused.
 */
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <threads.h>

static int describe_c11(void *what)
{
	pthread_attr_t attr;
	size_t stack, guard;
	sigset_t mask;
	int detached, inherit;

	expect(pthread_getattr_np(pthread_self(), &attr) == 0);
	pthread_attr_getstacksize(&attr, &stack);
	pthread_attr_getguardsize(&attr, &guard);
	pthread_attr_getdetachstate(&attr, &detached);
	pthread_attr_getinheritsched(&attr, &inherit);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	printf("%s: stack %zu, guard %zu, %s, %s%s%s\n", (char *)what, stack, guard,
	    detached == PTHREAD_CREATE_DETACHED ? "detached" : "joinable",
	    inherit == PTHREAD_EXPLICIT_SCHED ? "explicit" : "inherits",
	    sigismember(&mask, SIGUSR1) ? ", SIGUSR1 blocked" : "", sigismember(&mask, SIGUSR2) ? ", SIGUSR2 blocked" : "");
	pthread_attr_destroy(&attr);
	return 0;
}

static void *describe(void *what)
{
	describe_c11(what);
	return NULL;
}

static void with(const pthread_attr_t *attr, const char *what)
{
	pthread_t t;

	for (int i = 0; i < 2; i++) { /* the second one may be recycled */
		expect(pthread_create(&t, attr, describe, (void *)what) == 0);
		join(t);
	}
}

static void masks(void)
{
	pthread_attr_t attr;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_attr_init(&attr);
	with(&attr, "mask inherited");
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	pthread_attr_setsigmask_np(&attr, &mask);
	with(&attr, "mask of the attributes");
	pthread_attr_setsigmask_np(&attr, NULL);
	with(&attr, "mask inherited again");
	sigemptyset(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void defaults(void)
{
	pthread_attr_t attr, before;
	sigset_t mask;
	thrd_t t;

	pthread_getattr_default_np(&before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	pthread_attr_setguardsize(&attr, 8192);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	pthread_attr_setsigmask_np(&attr, &mask);
	tell_error(pthread_setattr_default_np(&attr));
	with(NULL, "new defaults");
	expect(thrd_create(&t, describe_c11, "new defaults, C11") == thrd_success);
	thrd_join(t, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setguardsize(&attr, 4096);
	with(&attr, "attributes");
	tell_error(pthread_setattr_default_np(&before));
	with(NULL, "old defaults");
}

static void no_such_cpu(void)
{
	static cpu_set_t cpus[8]; /* of which the machine has fewer */
	pthread_attr_t attr;
	pthread_t t;

	CPU_SET_S(8 * sizeof cpus - 1, sizeof cpus, cpus);
	pthread_attr_init(&attr);
	tell_error(pthread_attr_setaffinity_np(&attr, sizeof cpus, cpus));
	tell_error(pthread_create(&t, &attr, describe, "on no CPU"));
	CPU_CLR_S(8 * sizeof cpus - 1, sizeof cpus, cpus);
	CPU_SET_S(1000, sizeof cpus, cpus);
	pthread_attr_setaffinity_np(&attr, sizeof cpus, cpus);
	tell_error(pthread_create(&t, &attr, describe, "on no CPU"));
	pthread_attr_destroy(&attr);
}

int main(void)
{
	with(NULL, "usual");
	masks();
	defaults();
	no_such_cpu();
	return 0;
}
