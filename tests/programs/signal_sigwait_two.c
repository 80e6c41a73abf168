/*
 * Two signals for the process come one right after the other while main waits for both in sigtimedwait, and other threads
 * have handlers for them: each is awaited or handled, once, and nobody gets anything else.
 *
 * vervet-runs: 3
 */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 500, STEPS = 100, THREADS = 4 };

static _Atomic int handled, over;

static void on_signal(int sig)
{
	handled += sig == SIGTERM || sig == SIGINT;
}

static void *idle(void *unused)
{
	while (!over)
		usleep(2000);
	return unused;
}

/* Another process: two signals for every byte, the second a little later each time. */
static void send_signals(pid_t to, int go)
{
	char c;

	while (read(go, &c, 1) == 1) {
		usleep(100);
		kill(to, SIGTERM);
		for (volatile int spin = 100 * c; spin > 0; spin--)
			;
		kill(to, SIGINT);
	}
	_exit(0);
}

/* Until all that was sent has come. */
static int await(const sigset_t *set, int before, int sent)
{
	struct timespec ms = {0, 1000000};
	int got = 0;

	while (got + handled - before < sent) {
		int sig = sigtimedwait(set, NULL, &ms);

		expect(sig == SIGTERM || sig == SIGINT || sig < 0);
		got += sig > 0;
	}
	return got;
}

int main(void)
{
	pid_t parent = getpid(), child;
	int go[2], awaited = 0;
	pthread_t t[THREADS];
	sigset_t set;

	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, idle, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	expect(pipe(go) == 0 && (child = fork()) >= 0);
	if (child == 0) {
		close(go[1]);
		send_signals(parent, go[0]);
	}
	for (int i = 0; i < ROUNDS; i++) {
		char c = i % STEPS;
		int before = handled;

		expect(write(go[1], &c, 1) == 1);
		awaited += await(&set, before, 2);
	}
	close(go[1]);
	expect(waitpid(child, NULL, 0) == child);
	over = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("awaited or handled: %d\n", awaited + handled);
	return 0;
}
