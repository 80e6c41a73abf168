/*
 * Timers that signal one thread each (SIGEV_THREAD_ID), all by the same signal, taken by sigwait: each expiry either is a
 * signal or counts as overrun, and every thread gets to its end.
 */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, EXPIRIES = 300 };

static void *count(void *arg)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	struct itimerspec each_ms = {{0, 1000000}, {0, 1000000}};
	sigset_t alarms;
	timer_t timer;
	int sig;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	event._sigev_un._tid = syscall(SYS_gettid);
	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	expect(timer_settime(timer, 0, &each_ms, NULL) == 0);
	for (int n = 0; n < EXPIRIES;) {
		expect(sigwait(&alarms, &sig) == 0 && sig == SIGALRM);
		n += 1 + timer_getoverrun(timer);
	}
	expect(timer_delete(timer) == 0);
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	for (int i = 0; i < THREADS; i++)
		expect(pthread_create(&t[i], NULL, count, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("counted\n");
	return 0;
}
