/*
 * vfork, and clone that does the same, with other threads: the child shares its parent's memory until exec or _exit, and nothing that it does to its
 * descriptors, signals and mask is its parent's. Signals come for the parent all the while.
 */
#include "net.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { CHILDREN = 100 };

static volatile int shared;
static int stop, ends[2];
static volatile sig_atomic_t handled, deaths, alarms;

static void handler(int sig)
{
	handled += sig == SIGUSR1;
	deaths += sig == SIGCHLD;
	alarms += sig == SIGALRM;
}

static void *ticker(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		sleep_ms(1);
		++*(long *)arg;
	}
	return NULL;
}

/* One that waits on a descriptor that the children close. */
static void *reader(void *arg)
{
	expect(read(ends[0], arg, 1) == 1);
	return arg;
}

static int status_of(pid_t pid)
{
	int status;

	expect(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct program {
	const char *path;
	int n, fd;
};

static int child(void *arg)
{
	static char *none[] = {NULL};
	static char *argv[] = {"sh", "-c", "exit 7", NULL};
	const struct program *p = arg;
	sigset_t all;

	shared = p->n;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (signal(SIGUSR1, SIG_IGN) != handler || signal(SIGUSR1, SIG_DFL) != SIG_IGN)
		_exit(99);
	dup2(p->fd, 1);
	fcntl(p->fd, F_SETFD, 0);
	close(ends[0]);
	close(ends[1]);
	execve(p->path, argv, p->n % 2 ? environ : none);
	_exit(127);
}

static pid_t run(const char *path, int n)
{
	char stack[32768] __attribute__((aligned(16)));
	struct program p = {path, n, open("/dev/null", O_WRONLY)};
	pid_t pid;

	if (n % 4 < 2)
		pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &p);
	else if ((pid = vfork()) == 0)
		child(&p);
	close(p.fd);
	return pid;
}

/* What comes for the parent while it waits is not lost. */
static void tell_of_death(void)
{
	int before = deaths;
	pid_t pid = vfork();

	if (pid == 0)
		_exit(3);
	expect(status_of(pid) == 3);
	while (deaths == before)
		sleep_ms(1);
}

static void *runner(void *arg)
{
	for (int i = 1; i <= CHILDREN / 4; i++) {
		expect(status_of(run("/bin/sh", i)) == 7);
		expect(status_of(run("/no/such/file", i)) == 127);
	}
	return arg;
}

int main(void)
{
	struct sigaction before = {.sa_handler = handler, .sa_flags = SA_RESTART}, after;
	struct itimerval often = {{0, 300}, {0, 300}}, never = {0};
	pthread_t t, r, runners[2];
	sigset_t mask;
	long ticks = 0;
	char c;

	expect(pipe(ends) == 0);
	expect(sigaction(SIGUSR1, &before, NULL) == 0);
	expect(sigaction(SIGALRM, &before, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
	t = start(ticker, &ticks);
	r = start(reader, &c);
	for (int i = 1; i <= CHILDREN; i++) {
		expect(status_of(run("/bin/sh", i)) == 7);
		expect(shared == i);
	}
	expect(sigaction(SIGCHLD, &before, NULL) == 0);
	for (int i = 0; i < CHILDREN; i++)
		tell_of_death();
	expect(signal(SIGCHLD, SIG_DFL) == handler);
	for (int i = 0; i < 2; i++)
		runners[i] = start(runner, NULL);
	for (int i = 0; i < 2; i++)
		join(runners[i]);
	expect(setitimer(ITIMER_REAL, &never, NULL) == 0 && alarms > 100);
	expect(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && !sigismember(&mask, SIGUSR1));
	expect(sigaction(SIGUSR1, NULL, &after) == 0 && after.sa_handler == handler);
	expect(raise(SIGUSR1) == 0 && handled == 1);
	expect(write(ends[1], "x", 1) == 1 && join(r) == &c && c == 'x');
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	join(t);
	printf("%d children, the ticker ticked: %s\n", CHILDREN * 2, ticks > 20 ? "yes" : "no");
	return 0;
}
