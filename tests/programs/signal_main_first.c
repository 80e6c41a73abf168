/*
 * A signal sent to the process is main's if main does not block it: a main thread that waits in any call is interrupted
 * at once although other threads, which do not block the signal either, are busy or blocked; none of those is interrupted.
 * When main blocks it, another gets it.
 */
#include "check.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

static pthread_t handled_by;
static _Atomic int handled;
static _Atomic bool stop;
static int idle[2];
static sem_t never, done;
static const char *interrupted = "nobody else was interrupted";

static void on_term(int sig)
{
	(void)sig;
	handled_by = pthread_self();
	handled++;
}

static void *busy(void *arg)
{
	volatile long n = 0;

	while (!stop)
		n++;
	return arg;
}

static void *reads(void *arg)
{
	char c;

	if (read(idle[0], &c, 1) != 0)
		interrupted = "read was interrupted";
	return arg;
}

static void *waits(void *arg)
{
	if (sem_wait(&never) != 0)
		interrupted = "sem_wait was interrupted";
	return arg;
}

/* From outside, when main has had the time to block. */
static pid_t send_later(int sig)
{
	pid_t pid = fork();

	if (pid == 0) {
		let_block();
		kill(getppid(), sig);
		_exit(0);
	}
	return pid;
}

static void check(const char *name, int result)
{
	printf("%s: %s, handled %d, by main: %d\n", name, result == -1 ? errno_name(errno) : "0", handled,
	    pthread_equal(handled_by, pthread_self()) != 0);
	handled = 0;
}

static void *takes_it(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	while (!handled)
		sleep_ms(1);
	printf("main blocks it: handled %d, by this thread: %d\n", handled,
	    pthread_equal(handled_by, pthread_self()) != 0);
	sem_post(&done);
	return arg;
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_term};
	struct timespec long_time = {1000, 0};
	sigset_t set, none;
	pthread_t t[3];
	pid_t child;
	char c;
	int other[2];

	sigaction(SIGTERM, &act, NULL);
	sem_init(&never, 0, 0);
	sem_init(&done, 0, 0);
	expect(pipe(idle) == 0 && pipe(other) == 0);
	t[0] = start(busy, NULL);
	t[1] = start(reads, NULL);
	t[2] = start(waits, NULL);
	sigemptyset(&none);

	child = send_later(SIGTERM);
	check("pause", pause());
	waitpid(child, NULL, 0);
	child = send_later(SIGTERM);
	check("read", read(other[0], &c, 1));
	waitpid(child, NULL, 0);
	child = send_later(SIGTERM);
	check("nanosleep", nanosleep(&long_time, NULL));
	waitpid(child, NULL, 0);
	child = send_later(SIGTERM);
	check("poll", poll(NULL, 0, -1));
	waitpid(child, NULL, 0);
	child = send_later(SIGTERM);
	check("ppoll", ppoll(NULL, 0, NULL, &none));
	waitpid(child, NULL, 0);
	child = send_later(SIGTERM);
	check("sigsuspend", sigsuspend(&none));
	waitpid(child, NULL, 0);

	stop = true;
	join(t[0]);
	close(idle[1]);
	join(t[1]);
	sem_post(&never);
	join(t[2]);
	printf("%s\n", interrupted);

	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	t[0] = start(takes_it, NULL);
	kill(getpid(), SIGTERM);
	sem_wait(&done);
	join(t[0]);
	return 0;
}
