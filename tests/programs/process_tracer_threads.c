/*
 * Threads trace, beside others that compute: one the child that it made, one a child that main made and to which it
 * attaches. ptrace() wants the kernel thread that did so.
 */
#include "check.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>

enum { STOPS = 10, BUSY = 2 };
static atomic_int over;

static void *busy(void *unused)
{
	while (!over) {
		compute(3);
		sleep_ms(1);
	}
	return unused;
}

static void stop_often(void)
{
	for (int i = 0; i < STOPS; i++)
		raise(SIGSTOP);
	_exit(7);
}

static void follow(const char *who, pid_t pid)
{
	int status, stops = 0, failed = 0;

	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		stops++;
		sleep_ms(1);
		compute(2);
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0) {
			failed = errno;
			kill(pid, SIGKILL);
		}
	}
	printf("%s: %d stops, status %x, %s\n", who, stops, status, failed ? errno_name(failed) : "traced");
}

static void *makes(void *unused)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		stop_often();
	}
	follow("maker", pid);
	return unused;
}

static void *attaches(void *child)
{
	pid_t pid = *(pid_t *)child;

	expect(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	follow("attached", pid);
	return NULL;
}

int main(void)
{
	pthread_t busy_ones[BUSY], t;
	int go[2];
	pid_t pid;
	char c;

	expect(pipe(go) == 0);
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		expect(read(go[0], &c, 1) == 0);
		stop_often();
	}
	close(go[0]);
	t = start(attaches, &pid);
	for (int i = 0; i < BUSY; i++)
		busy_ones[i] = start(busy, NULL);
	compute(20);
	close(go[1]);
	pthread_join(t, NULL);
	t = start(makes, NULL);
	pthread_join(t, NULL);
	over = 1;
	for (int i = 0; i < BUSY; i++)
		pthread_join(busy_ones[i], NULL);
	return 0;
}
