/*
 * A signal of a fault that is raised (by the thread itself or by another) blocks no more than its handler asks for: others
 * come in between, and a handler that jumps away leaves only its own blocked.
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
enum { FAULTS = sizeof faults / sizeof *faults, RUNS = 20 };
static volatile int depth, runs, jumps;
static jmp_buf away;
static volatile pthread_t target;
static volatile sig_atomic_t done;

static void show_blocked(const char *where)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("%s:", where);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(&set, sig))
			printf(" %s", sigabbrev_np(sig) ? sigabbrev_np(sig) : "?");
	printf("\n");
}

static void on_fault(int sig)
{
	show_blocked("in the handler");
	done = 1;
	if (jumps)
		longjmp(away, sig);
}

static void on_nested(int sig)
{
	int i = 0;

	printf(" %d%s", ++depth, sigabbrev_np(sig));
	while (faults[i] != sig)
		i++;
	for (runs++; runs < RUNS && i < FAULTS; i++)
		raise(faults[i]);
	depth--;
}

static void set_all(void (*handler)(int))
{
	for (int i = 0; i < FAULTS; i++)
		signal(faults[i], handler);
}

static void *sender(void *sig)
{
	pthread_kill(target, *(const int *)sig);
	return NULL;
}

static void raise_one(int sig)
{
	sigset_t none;

	if (!setjmp(away))
		raise(sig);
	show_blocked("afterwards");
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static void *receiver(void *unused)
{
	set_all(on_fault);
	for (jumps = 0; jumps < 2; jumps++)
		for (int i = 0; i < FAULTS; i++)
			raise_one(faults[i]);
	set_all(on_nested);
	depth = runs = 0;
	raise(faults[0]);
	printf("\n");
	return unused;
}

static void sent_by_another(int sig)
{
	pthread_t t;

	jumps = done = 0;
	set_all(on_fault);
	target = pthread_self();
	t = start(sender, &sig);
	while (!done)
		sleep_ms(1);
	pthread_join(t, NULL);
}

int main(void)
{
	pthread_t t;

	receiver(NULL);
	t = start(receiver, NULL);
	pthread_join(t, NULL);
	for (int i = 0; i < FAULTS; i++)
		sent_by_another(faults[i]);
	return 0;
}
