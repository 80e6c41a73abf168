/*
 * alarm, setitimer, timer_create with signals and threads, while threads block in every way: every expiry arrives.
 */
#include "check.h"

#include <signal.h>
#include <sys/time.h>

static _Atomic int alarms, ticks, notified;
static int fd[2];

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void on_rt(int signal)
{
	(void)signal;
	ticks++;
}

static void notify(union sigval value)
{
	notified += value.sival_int;
}

static void *blocked(void *arg)
{
	char c;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	expect(read(fd[0], &c, 1) == 1);
	return arg;
}

int main(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}}, rest;
	struct itimerspec soon = {.it_value = {0, 5000000}}, often = {{0, 2000000}, {0, 2000000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
	struct sigaction action = {.sa_handler = on_alarm};
	pthread_t t[3];
	timer_t timer;

	expect(pipe(fd) == 0);
	for (int i = 0; i < 3; i++)
		t[i] = start(blocked, NULL);
	sigaction(SIGALRM, &action, NULL);
	action.sa_handler = on_rt;
	sigaction(SIGRTMIN + 1, &action, NULL);

	alarm(1);
	tell(pause());
	printf("alarms %d\n", alarms);
	expect(setitimer(ITIMER_REAL, &every, NULL) == 0);
	while (alarms < 6)
		tell(pause());
	expect(setitimer(ITIMER_REAL, &off, &rest) == 0);
	printf("interval kept: %d\n", rest.it_interval.tv_usec == 5000);

	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	expect(timer_settime(timer, 0, &often, NULL) == 0);
	while (ticks < 5)
		sleep_ms(1);
	expect(timer_delete(timer) == 0);

	event = (struct sigevent){
	    .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify, .sigev_value.sival_int = 7};
	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	expect(timer_settime(timer, 0, &soon, NULL) == 0);
	while (!notified)
		sleep_ms(1);
	printf("notified %d\n", notified);
	expect(timer_delete(timer) == 0);
	expect(write(fd[1], "abc", 3) == 3);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	tell(alarm(0));
	return 0;
}
