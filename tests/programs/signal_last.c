/*
 * A signal of the process's that only one thread takes: it is handled before that thread has ended, however soon after
 * it was sent. Sender and receiver compute, main waits.
 */
#include "check.h"

#include <signal.h>
#include <time.h>

enum { ROUNDS = 60, COMPUTE_MS = 3 };

static _Atomic int runs, handled, stop;

static void count(int sig)
{
	(void)sig;
	handled++;
}

static void mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	expect(pthread_sigmask(how, &set, NULL) == 0);
}

static long ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *receive(void *unused)
{
	(void)unused;
	mask(SIG_UNBLOCK);
	runs = 1;
	while (!stop)
		;
	return NULL;
}

static void *send(void *unused)
{
	long until;

	(void)unused;
	while (!runs)
		sched_yield();
	for (until = ms() + COMPUTE_MS; ms() < until;)
		;
	kill(getpid(), SIGUSR1);
	stop = 1;
	return NULL;
}

int main(void)
{
	pthread_t receiver, sender;
	int in_time = 0;

	signal(SIGUSR1, count);
	mask(SIG_BLOCK);
	for (int i = 0; i < ROUNDS; i++) {
		runs = handled = stop = 0;
		receiver = start(receive, NULL);
		sender = start(send, NULL);
		join(receiver);
		in_time += handled;
		join(sender);
	}
	printf("%d of %d handled\n", in_time, ROUNDS);
	return 0;
}
