/*
 * Timers made by the system call itself, for one thread (SIGEV_THREAD_ID): the handler runs on that thread, ends a call in
 * which it blocks, and what expires while the thread blocks the signal is counted. Numbers that are no timers are refused.
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Atomic int handled, elsewhere;
static __thread bool mine;

static void on_timer(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	handled++;
	elsewhere += !mine || info->si_value.sival_int != 7;
}

static int make(int signal)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
	int timer = -1;

	event.sigev_value.sival_int = 7;
	event.sigev_notify_thread_id = gettid();
	expect(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0);
	return timer;
}

static void set(int timer, int first_ms, int ms)
{
	struct itimerspec when = {{0, ms * 1000000}, {0, first_ms * 1000000}};

	expect(syscall(SYS_timer_settime, timer, 0, &when, NULL) == 0);
}

static void *interrupted(void *arg)
{
	int file = open("/proc/self/exe", O_RDONLY), ends[2], timer = make(SIGUSR1);
	char most[4096 - 128] = {0};

	mine = true;
	expect(pipe(ends) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
	expect(write(ends[1], most, sizeof most) == sizeof most);
	set(timer, 50, 50);
	tell(splice(file, NULL, ends[1], NULL, 4096, 0)); /* the pipe has room, but none for splice */
	set(timer, 0, 0);
	tell(syscall(SYS_timer_delete, timer));
	close(file);
	close(ends[0]);
	close(ends[1]);
	mine = false;
	return arg;
}

static void *counted(void *arg)
{
	int timer = make(SIGUSR2);
	siginfo_t info;
	sigset_t set2;

	sigemptyset(&set2);
	sigaddset(&set2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set2, NULL);
	set(timer, 10, 10);
	sleep_ms(200);
	printf("took it: %d", sigwaitinfo(&set2, &info) == SIGUSR2 && info.si_value.sival_int == 7);
	printf(", counted: %d\n", info.si_overrun > 5 && syscall(SYS_timer_getoverrun, timer) == info.si_overrun);
	tell(syscall(SYS_timer_delete, timer));
	tell(syscall(SYS_timer_delete, timer));
	return arg;
}

static void *beside(void *end)
{
	char c;

	return read(*(int *)end, &c, 1) == 0 ? NULL : end;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
	struct itimerspec when = {{0, 0}, {0, 1}};
	int ends[2];
	pthread_t t;

	sigaction(SIGUSR1, &act, NULL);
	interrupted(NULL); /* nothing but main yet */
	expect(pipe(ends) == 0);
	t = start(beside, &ends[0]);
	interrupted(NULL);
	join(start(interrupted, NULL));
	printf("handled: %d, elsewhere: %d\n", handled >= 2, elsewhere);
	counted(NULL);
	join(start(counted, NULL));
	tell(syscall(SYS_timer_create, CLOCK_MONOTONIC, (void *)8, &when));
	tell(syscall(SYS_timer_settime, -1, 0, &when, NULL));
	tell(syscall(SYS_timer_delete, -1));
	tell(syscall(SYS_timer_delete, 1 << 20));
	close(ends[1]);
	join(t);
	return 0;
}
