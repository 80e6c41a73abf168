/*
 * A signal for the process comes while main waits for it and other threads, which have a handler for it, do not block it:
 * the kernel gives it to main. So does it when main sleeps between.
 */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static _Atomic int handled, over;

static void on_term(int sig)
{
	handled += sig == SIGTERM;
}

static void *idle(void *unused)
{
	while (!over)
		usleep(2000);
	return unused;
}

/* Another process sends it when main is surely waiting, unless the machine is so busy that a handler gets it before. */
static bool once(void)
{
	struct timespec moment = {0, 200000000};
	int before = handled, sig;
	pid_t parent = getpid(), child = fork();
	sigset_t set;

	if (child == 0) {
		usleep(15000);
		kill(parent, SIGTERM);
		_exit(0);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	do
		sig = sigtimedwait(&set, NULL, &moment);
	while (sig < 0 && handled == before);
	expect(waitpid(child, NULL, 0) == child);
	return sig == SIGTERM;
}

int main(void)
{
	pthread_t t[4];
	sigset_t set;
	int awaited = 0;

	signal(SIGTERM, on_term);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, idle, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 60 && awaited < 20; i++) {
		usleep(i * 100);
		awaited += once();
	}
	over = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("awaited %d\n", awaited);
	return 0;
}
