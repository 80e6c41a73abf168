/*
 * What a new thread inherits from its creator: signal mask, name, rounding mode; and what it does not.
 */
#include "check.h"

#include <fenv.h>
#include <signal.h>

static void *report(void *arg)
{
	sigset_t mask, pending;
	char name[16];

	(void)arg;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	pthread_getname_np(pthread_self(), name, sizeof name);
	printf("USR1 blocked %d, TERM blocked %d, USR1 pending %d, name %s, upward %d\n",
	    sigismember(&mask, SIGUSR1), sigismember(&mask, SIGTERM), sigismember(&pending, SIGUSR1), name,
	    fegetround() == FE_UPWARD);
	return NULL;
}

static void *parent(void *arg)
{
	sigset_t mask;

	(void)arg;
	join(start(report, NULL));
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	pthread_setname_np(pthread_self(), "parent");
	fesetround(FE_UPWARD);
	join(start(report, NULL));
	return NULL;
}

int main(void)
{
	join(start(parent, NULL));
	join(start(report, NULL));
	return 0;
}
