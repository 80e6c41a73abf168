/*
 * pthread_cancel of threads blocked in every cancellation point: clean-up handlers run in order, what the call held is
 * given back, the thread's value is PTHREAD_CANCELED. Calls that are no cancellation points go on.
 */
#include "net.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

static int fd[2], full[2], listening, ep;
static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t idle_thread;
static pid_t child;
static char buf[100];

static void *idle(void *arg)
{
	sleep(1000);
	return arg;
}

static void call_read(void)
{
	expect(read(fd[0], buf, 1) == -1);
}

static void call_write(void)
{
	expect(write(full[1], buf, 100) == -1);
}

static void call_recv(void)
{
	expect(recv(fd[0], buf, 1, 0) == -1);
}

static void call_accept(void)
{
	accept(listening, NULL, NULL);
}

static void call_poll(void)
{
	poll(&(struct pollfd){.fd = fd[0], .events = POLLIN}, 1, -1);
}

static void call_select(void)
{
	select(0, NULL, NULL, NULL, NULL);
}

static void call_epoll(void)
{
	struct epoll_event event;

	epoll_wait(ep, &event, 1, -1);
}

static void call_sleep(void)
{
	sleep(1000);
}

static void call_nanosleep(void)
{
	nanosleep(&(struct timespec){1000, 0}, NULL);
}

static void call_pause(void)
{
	pause();
}

static void call_sem(void)
{
	sem_wait(&sem);
}

static void call_sem_timed(void)
{
	struct timespec at = clock_in(CLOCK_REALTIME, 100000);

	sem_timedwait(&sem, &at);
}

static void unlock(void *arg)
{
	printf("  still locked %s", errno_name(pthread_mutex_trylock(arg)));
	printf(", unlock %s\n", errno_name(pthread_mutex_unlock(arg)));
}

static void call_cond(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
}

static void call_cond_timed(void)
{
	struct timespec at = clock_in(CLOCK_REALTIME, 100000);

	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_timedwait(&cond, &mutex, &at);
	pthread_cleanup_pop(0);
}

static void call_join(void)
{
	pthread_join(idle_thread, NULL);
}

static void call_waitpid(void)
{
	waitpid(child, NULL, 0);
}

static void call_sigwait(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &got);
}

static void call_testcancel(void)
{
	for (;;) {
		sched_yield();
		pthread_testcancel();
	}
}

static const struct row {
	const char *name;
	void (*call)(void);
} rows[] = {
    {"read", call_read},
    {"write", call_write},
    {"recv", call_recv},
    {"accept", call_accept},
    {"poll", call_poll},
    {"select", call_select},
    {"epoll_wait", call_epoll},
    {"sleep", call_sleep},
    {"nanosleep", call_nanosleep},
    {"pause", call_pause},
    {"sem_wait", call_sem},
    {"sem_timedwait", call_sem_timed},
    {"cond_wait", call_cond},
    {"cond_timedwait", call_cond_timed},
    {"join", call_join},
    {"waitpid", call_waitpid},
    {"sigwait", call_sigwait},
    {"testcancel", call_testcancel},
};

static void say(void *arg)
{
	printf("  clean-up %s\n", (char *)arg);
}

static void *body(void *arg)
{
	const struct row *row = arg;

	pthread_cleanup_push(say, "outer");
	pthread_cleanup_push(say, "inner");
	row->call();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	printf("  came back\n");
	return NULL;
}

static void *cancelled_before_start(void *arg)
{
	turn_wait(arg, 1);
	return NULL;
}

static void *disabled(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	turn_set(arg, 2);
	let_block();
	let_block();
	printf("  not while disabled\n");
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	printf("  came back\n");
	return NULL;
}

static void *locks(void *arg)
{
	pthread_mutex_lock(&mutex); /* no cancellation point */
	pthread_mutex_unlock(&mutex);
	turn_set(arg, 3);
	for (;;)
		pause();
	return NULL;
}

static void *asynchronous(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	turn_set(arg, 4);
	for (volatile long n = 0;; n++)
		;
	return NULL;
}

int main(void)
{
	static struct turn turn = TURN;
	static char big[1 << 20];
	struct sockaddr_in at;
	pthread_t t;

	unix_pair(SOCK_STREAM, fd);
	expect(pipe2(full, O_NONBLOCK) == 0);
	while (write(full[1], big, sizeof big) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	listening = listener(&at, 1);
	ep = epoll_create1(0);
	sem_init(&sem, 0, 0);
	idle_thread = start(idle, NULL);
	child = fork();
	if (child == 0) {
		sleep(1000);
		_exit(0);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		printf("%s\n", rows[i].name);
		t = start(body, (void *)&rows[i]);
		let_block();
		expect(pthread_cancel(t) == 0);
		printf("cancelled %d\n", join(t) == PTHREAD_CANCELED);
		t = start(body, (void *)&rows[i]); /* perhaps before it blocks */
		pthread_cancel(t);
		expect(join(t) == PTHREAD_CANCELED);
	}
	kill(child, SIGKILL);
	expect(waitpid(child, NULL, 0) == child);
	pthread_cancel(idle_thread);
	expect(join(idle_thread) == PTHREAD_CANCELED);

	t = start(cancelled_before_start, &turn);
	pthread_cancel(t);
	turn_set(&turn, 1);
	printf("early: %d\n", join(t) == PTHREAD_CANCELED);
	t = start(disabled, &turn);
	turn_wait(&turn, 2);
	pthread_cancel(t);
	printf("disabled: %d\n", join(t) == PTHREAD_CANCELED);
	pthread_mutex_lock(&mutex);
	t = start(locks, &turn);
	let_block();
	pthread_cancel(t);
	let_block();
	pthread_mutex_unlock(&mutex);
	turn_wait(&turn, 3);
	printf("locked first: %d\n", join(t) == PTHREAD_CANCELED);
	t = start(asynchronous, &turn);
	turn_wait(&turn, 4);
	pthread_cancel(t);
	printf("asynchronous: %d\n", join(t) == PTHREAD_CANCELED);
	return 0;
}
