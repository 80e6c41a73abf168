/*
 * Timers that signal one thread each (SIGEV_THREAD_ID), once and by the same signal, while those threads and others take
 * signals by sigwait and sigtimedwait: each expiry reaches the thread whose timer it was.
 */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { TIMED = 3, OTHERS = 3, EXPIRIES = 300, PATIENCE_S = 15 };

static volatile bool over;

static void *count(void *arg)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	struct itimerspec once = {.it_value = {0, 300000}};
	struct timespec patience = {PATIENCE_S, 0};
	siginfo_t info;
	sigset_t alarms;
	timer_t timer;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	event._sigev_un._tid = syscall(SYS_gettid);
	event.sigev_value.sival_ptr = &timer;
	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	for (int n = 0; n < EXPIRIES; n++) {
		expect(timer_settime(timer, 0, &once, NULL) == 0);
		expect(sigtimedwait(&alarms, &info, &patience) == SIGALRM);
		expect(info.si_code == SI_TIMER && info.si_ptr == &timer);
	}
	expect(timer_delete(timer) == 0);
	return arg;
}

static void *wait_for_another(void *arg)
{
	struct timespec moment = {0, 50000};
	sigset_t others;

	sigemptyset(&others);
	sigaddset(&others, SIGUSR1);
	while (!over)
		expect(sigtimedwait(&others, NULL, &moment) < 0 && errno == EAGAIN);
	return arg;
}

int main(void)
{
	pthread_t timed[TIMED], others[OTHERS];
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	for (int i = 0; i < OTHERS; i++)
		others[i] = start(wait_for_another, NULL);
	for (int i = 0; i < TIMED; i++)
		timed[i] = start(count, NULL);
	for (int i = 0; i < TIMED; i++)
		join(timed[i]);
	over = true;
	for (int i = 0; i < OTHERS; i++)
		join(others[i]);
	printf("counted\n");
	return 0;
}
