/*
 * The raw rt_sigaction: where there is no handler, the kernel keeps flags and return function exactly as given, none if
 * none is given (Chromium makes sure of that in its children). With a handler, what was set is shown again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static void on_signal(int sig)
{
	printf("signal %d\n", sig);
}

static void *nothing(void *arg)
{
	return arg;
}

static const char *name(void *handler)
{
	return handler == SIG_DFL ? "default" : handler == SIG_IGN ? "ignored" : "handler";
}

static void change(int sig, void *handler, unsigned long flags, uint64_t mask)
{
	struct action a = {handler, flags, NULL, mask}, old;

	syscall(SYS_rt_sigaction, sig, &a, &old, 8);
	printf("%d was %s, restorer %s\n", sig, name(old.handler), old.restorer ? "some" : "none");
	syscall(SYS_rt_sigaction, sig, NULL, &a, 8);
	printf("%d is %s, flags %lx, restorer %s, mask %lx\n", sig, name(a.handler), a.flags,
	    a.restorer ? "some" : "none", a.mask);
}

static void all(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	change(SIGUSR1, SIG_DFL, 0, 0);
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
	change(SIGUSR1, SIG_DFL, SA_RESTART, 4);
	change(SIGUSR1, SIG_IGN, 0, 0);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	change(SIGUSR1, SIG_DFL, 0, 0);
	change(SIGRTMAX, SIG_IGN, SA_RESETHAND, 1ul << 40);
}

int main(void)
{
	struct action a;
	pthread_t t;

	all();
	pthread_create(&t, NULL, nothing, NULL);
	pthread_join(t, NULL);
	all();
	for (int sig = 1; sig <= 65; sig++) {
		memset(&a, 0, sizeof a);
		if (syscall(SYS_rt_sigaction, sig,
			sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33 ? NULL : &a, NULL, 8) < 0)
			printf("%d: %s\n", sig, strerror(errno));
		if (sig == 32 || sig == 33)
			continue; /* libc's own */
		memset(&a, 0, sizeof a);
		syscall(SYS_rt_sigaction, sig, NULL, &a, 8);
		if (a.restorer || a.flags || a.handler)
			printf("%d: %s left\n", sig, a.restorer ? "restorer" : "something");
	}
	return 0;
}
