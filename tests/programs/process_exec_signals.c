/* Signals that wait, blocked, when a thread calls exec are pending in the new program, with what came with them; so they
 * are still when exec fails. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>

static _Atomic bool ready;

static void *idle(void *arg)
{
	ready = true;
	for (;;)
		sleep_ms(1000);
	return arg;
}

static sigset_t watched(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	return set;
}

static void show(const char *where)
{
	sigset_t set;

	expect(!sigpending(&set));
	printf("%s: SIGUSR1 %d, SIGUSR2 %d, SIGRTMIN %d, SIGTERM %d\n", where, sigismember(&set, SIGUSR1),
	    sigismember(&set, SIGUSR2), sigismember(&set, SIGRTMIN), sigismember(&set, SIGTERM));
	fflush(stdout);
}

static void *become_another(void *name)
{
	char *argv[] = {name, "again", NULL};

	show("before");
	expect(execv("/nonexistent", argv) == -1);
	show("after a failure");
	expect(execv("/proc/self/exe", argv) == 0);
	return NULL;
}

static void take(void)
{
	struct timespec none = {0, 0};
	sigset_t set = watched();
	siginfo_t info;
	int sig;

	while ((sig = sigtimedwait(&set, &info, &none)) > 0)
		printf("%s with %d\n", sig == SIGRTMIN ? "RTMIN" : sigabbrev_np(sig),
		    sig == SIGRTMIN ? info.si_value.sival_int : 0);
}

int main(int argc, char **argv)
{
	union sigval values[] = {{.sival_int = 1}, {.sival_int = 2}};
	sigset_t set = watched();

	if (argc > 1) {
		show("in the new program");
		take();
		return 0;
	}
	expect(!pthread_sigmask(SIG_BLOCK, &set, NULL));
	start(idle, NULL);
	while (!ready)
		sched_yield();
	expect(!kill(getpid(), SIGUSR2));
	expect(!pthread_kill(pthread_self(), SIGUSR1));
	for (int i = 0; i < 2; i++)
		expect(!pthread_sigqueue(pthread_self(), SIGRTMIN, values[i]));
	become_another(argv[0]);
	return 0;
}
