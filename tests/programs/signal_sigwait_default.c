/*
 * Main waits for signals that nobody handles, and another thread does not block them: the kernel gives them to main, which
 * the process survives, and does not throw away those that are ignored by default.
 */
#include "check.h"

#include <signal.h>

static struct turn turn = TURN;

static void *idle(void *unused)
{
	turn_set(&turn, 1);
	for (;;)
		usleep(2000);
	return unused;
}

/* As other processes see it: 'S', and in sigtimedwait sig is not blocked. */
static bool main_waits(pid_t pid, int sig)
{
	char name[64], line[256], state = 0;
	unsigned long blocked = ~0ul;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/task/%d/status", pid, pid);
	f = fopen(name, "r");
	expect(f != NULL);
	while (fgets(line, sizeof line, f)) {
		sscanf(line, "State: %c", &state);
		sscanf(line, "SigBlk: %lx", &blocked);
	}
	fclose(f);
	return state == 'S' && !(blocked >> (sig - 1) & 1);
}

static void send(pid_t to, int sig)
{
	for (int i = 0; i < 500 && !main_waits(to, sig); i++)
		usleep(2000);
	usleep(30000); /* it surely waits */
	kill(to, sig);
	_exit(0);
}

/* In a process of its own, which ends by the signal if that comes to the other thread, and waits in vain if it is lost. */
static int waits_for(int sig, int times)
{
	struct timespec limit = {5, 0};
	pid_t self = getpid();
	sigset_t set;

	start(idle, NULL);
	turn_wait(&turn, 1);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < times; i++) {
		pid_t sender = fork();

		if (sender == 0)
			send(self, sig);
		if (sigtimedwait(&set, NULL, &limit) != sig)
			return 1;
		waitpid(sender, NULL, 0);
		usleep(i * 1000);
	}
	return 0;
}

/* A busy machine may make it late, plain too: once of three times is enough. */
static void try(int sig)
{
	int status = -1;

	for (int i = 0; i < 3 && status != 0; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(waits_for(sig, 3));
		waitpid(child, &status, WUNTRACED);
		if (WIFSTOPPED(status))
			kill(child, SIGKILL);
	}
	printf("%s: %s\n", sigabbrev_np(sig), status == 0 ? "all came" : "no");
	fflush(stdout);
}

int main(void)
{
	try(SIGHUP);
	try(SIGUSR1);
	try(SIGTSTP);
	try(SIGWINCH);
	return 0;
}
