/*
 * A timer that signals one thread (SIGEV_THREAD_ID): the handler runs there, also while it is blocked, and not on the
 * thread that made the timer; when that thread blocks the signal it stays pending for it alone, and sigwait takes it.
 * What expires meanwhile is counted.
 */
#include "check.h"

#include <signal.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct turn turn = TURN;
static pid_t ids[2];
static _Atomic int handled, elsewhere;
static __thread int me = -1;

static void on_timer(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (me != info->si_value.sival_int)
		elsewhere++;
	handled++;
}

static void *target(void *arg)
{
	me = (int)(long)arg;
	ids[me] = gettid();
	turn_set(&turn, me + 1);
	turn_wait(&turn, 3);
	while (handled < 10)
		usleep(1000);
	return NULL;
}

static timer_t make(int who, int signal)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
	timer_t timer;

	event.sigev_value.sival_int = who;
	event.sigev_notify_thread_id = ids[who];
	expect(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	return timer;
}

static void set_every(timer_t timer, int first_ms, int ms)
{
	struct itimerspec when = {{0, ms * 1000000}, {0, first_ms * 1000000}};

	expect(timer_settime(timer, 0, &when, NULL) == 0);
}

static void set(timer_t timer, int ms)
{
	set_every(timer, 1, ms);
}

static void *waits(void *arg)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ids[0] = gettid();
	turn_set(&turn, 4);
	printf("took it: %d", sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	printf(" with %d, by timer: %d\n", info.si_value.sival_int, info.si_code == SI_TIMER);
	return arg;
}

static void *overruns(void *arg)
{
	struct timespec now = {0, 0};
	timer_t timer, another;
	siginfo_t info, second;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ids[0] = gettid();
	timer = make(0, SIGUSR1);
	another = make(0, SIGUSR1);
	set_every(timer, 10, 10);
	set_every(another, 5, 0);
	sleep_ms(200);
	printf("one timer: %d", sigwaitinfo(&set, &info) == SIGUSR1);
	printf(", the other: %d\n", sigtimedwait(&set, &second, &now) == SIGUSR1);
	if (info.si_timerid == second.si_timerid || info.si_overrun + second.si_overrun < 5)
		printf("overruns %d and %d\n", info.si_overrun, second.si_overrun);
	printf("counted: %d\n", timer_getoverrun(timer) == (info.si_overrun ? info : second).si_overrun);
	printf("counted: %d\n", timer_getoverrun(another));
	timer_delete(timer);
	timer_delete(another);
	return arg;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent bad = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	timer_t timers[2], once;
	pthread_t t[2];

	sigaction(SIGRTMIN, &act, NULL);
	bad.sigev_notify_thread_id = 1;
	tell(timer_create(CLOCK_MONOTONIC, &bad, &once));
	for (long i = 0; i < 2; i++) {
		t[i] = start(target, (void *)i);
		turn_wait(&turn, i + 1);
		timers[i] = make(i, SIGRTMIN);
	}
	set(timers[0], 3);
	set(timers[1], 2);
	turn_set(&turn, 3);
	join(t[0]);
	join(t[1]);
	timer_delete(timers[0]);
	timer_delete(timers[1]);
	printf("on another thread: %d\n", elsewhere);
	t[0] = start(waits, NULL);
	turn_wait(&turn, 4);
	once = make(0, SIGRTMIN + 1);
	set(once, 0);
	join(t[0]);
	timer_delete(once);
	join(start(overruns, NULL));
	return 0;
}
