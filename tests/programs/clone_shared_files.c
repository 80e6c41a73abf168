/*
 * A child of clone that shares its parent's descriptors, but not its memory, has threads and closes descriptors:
 * the parent's threads go on waiting, and what the child opens is open in the parent.
 */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

enum { MINE = 50 };
static char stack[256 * 1024] __attribute__((aligned(16)));
static int ask[2], answer[2];

static void *echo(void *unused)
{
	char c;

	while (read(ask[0], &c, 1) == 1 && write(answer[1], &c, 1) == 1)
		sleep_ms(1);
	return unused;
}

static void *return_it(void *value)
{
	sleep_ms(2);
	return value;
}

static int child(void *value)
{
	pthread_t t = start(return_it, value);
	void *got;

	expect(pthread_join(t, &got) == 0);
	expect(dup2(ask[0], MINE) == MINE);
	expect(close_range(MINE + 1, 4000, 0) == 0);
	t = start(return_it, value);
	expect(pthread_join(t, &got) == 0);
	return *(int *)got;
}

static void once(int value)
{
	pid_t pid = clone(child, stack + sizeof stack, CLONE_FILES | SIGCHLD, &value);
	char c = 'a' + value, back = '?';
	int status;

	expect(pid > 0);
	expect(write(ask[1], &c, 1) == 1 && read(answer[0], &back, 1) == 1);
	expect(waitpid(pid, &status, 0) == pid);
	sleep_ms(2);
	printf("status %d, echo %c, %s\n", WEXITSTATUS(status), back,
	    fcntl(MINE, F_GETFD) < 0 ? errno_name(errno) : "open");
	close(MINE);
}

int main(void)
{
	pthread_t t;

	expect(pipe(ask) == 0 && pipe(answer) == 0);
	t = start(echo, NULL);
	for (int i = 0; i < 5; i++)
		once(i);
	close(ask[1]);
	pthread_join(t, NULL);
	return 0;
}
