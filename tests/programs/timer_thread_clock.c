/* Timers on the caller's CPU clock run while it does: for a time from now and for one on the clock. Not while it waits, and not
 * for what others compute. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll

static volatile sig_atomic_t fired;
static volatile int stop;

static void handler(int sig)
{
	fired += sig == SIGUSR1;
}

static void say(const char *what, int yes)
{
	printf("%s: %s\n", what, yes ? "yes" : "no");
}

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void compute(long long ns)
{
	long long until = now(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (now(CLOCK_THREAD_CPUTIME_ID) < until)
		for (volatile int i = 0; i < 10000; i++)
			;
}

static timer_t make(clockid_t clock, int thread)
{
	struct sigevent event = {
	    .sigev_notify = thread ? SIGEV_THREAD_ID : SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t timer = NULL;

	event._sigev_un._tid = gettid();
	say("made", timer_create(clock, &event, &timer) == 0);
	return timer;
}

static void arm(timer_t timer, int flags, long long ns)
{
	struct itimerspec t = {.it_value = {ns / 1000000000, ns % 1000000000}};

	say("set", timer_settime(timer, flags, &t, NULL) == 0);
}

/* Another thread may run the handler, and wait for a processor first. */
static void await_handler(void)
{
	for (int i = 0; i < 2000 && !fired; i++)
		usleep(1000);
}

/* The caller's own, told to the process or to itself. */
static void own(int thread)
{
	timer_t timer = make(CLOCK_THREAD_CPUTIME_ID, thread);
	struct itimerspec left;

	fired = 0;
	arm(timer, 0, 30 * MS);
	usleep(60000);
	say("waiting costs nothing", !fired);
	timer_gettime(timer, &left);
	say("what is left", left.it_value.tv_nsec > 20 * MS && left.it_value.tv_nsec <= 30 * MS);
	compute(60 * MS);
	await_handler();
	say("computing does", fired == 1);
	fired = 0;
	arm(timer, TIMER_ABSTIME, now(CLOCK_THREAD_CPUTIME_ID) + 30 * MS);
	compute(15 * MS);
	say("not yet", !fired);
	compute(45 * MS);
	await_handler();
	say("by the clock", fired == 1);
	say("deleted", timer_delete(timer) == 0 && timer_delete(timer) < 0 && errno == EINVAL);
}

static void *thread_with_timer(void *arg)
{
	compute(10 * MS);
	own(0);
	own(1);
	return arg;
}

static void *others_work(void *arg)
{
	while (!stop) {
		compute(MS);
		usleep(100);
	}
	return arg;
}

int main(void)
{
	struct sigaction action = {.sa_handler = handler};
	pthread_t worker, thread;

	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&worker, NULL, others_work, NULL);
	pthread_create(&thread, NULL, thread_with_timer, NULL);
	pthread_join(thread, NULL);
	own(1);
	stop = 1;
	pthread_join(worker, NULL);
	return 0;
}
