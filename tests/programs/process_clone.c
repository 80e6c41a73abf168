/*
 * clone as a fork, with threads in the parent: the child has its own ids, waits and sleeps on its own, and can make threads;
 * a child that shares memory answers with its own id, too.
 */
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char stack[256 * 1024] __attribute__((aligned(16)));
static int to_child[2], to_thread[2];

static void *reader(void *arg)
{
	char c;

	expect(read(*(int *)arg, &c, 1) == 1);
	return (void *)(long)c;
}

static int ids(void)
{
	return (gettid() == getpid()) + 2 * (syscall(SYS_gettid) == getpid()) + 4 * (getpid() != getppid());
}

static int forked(void *arg)
{
	pthread_t t = start(reader, to_child);
	void *got;

	sleep_ms(1);
	expect(pthread_join(t, &got) == 0);
	return (long)got == 'x' ? *(int *)arg + ids() : 99;
}

static int sharing(void *arg)
{
	char c;

	expect(read(to_child[0], &c, 1) == 1);
	return *(int *)arg + ids();
}

static void child_says(int (*fn)(void *), int flags)
{
	int status, base = 10;
	pid_t child;

	if (flags & CLONE_VFORK)
		expect(write(to_child[1], "x", 1) == 1);
	child = clone(fn, stack + sizeof stack, flags | SIGCHLD, &base);
	expect(child > 0);
	if (!(flags & CLONE_VFORK))
		expect(write(to_child[1], "x", 1) == 1);
	expect(waitpid(child, &status, 0) == child);
	printf("child: %d, status %d\n", WIFEXITED(status), WEXITSTATUS(status));
}

int main(void)
{
	pthread_t t;
	void *got;

	expect(pipe(to_child) == 0 && pipe(to_thread) == 0);
	child_says(forked, 0);
	t = start(reader, to_thread);
	sleep_ms(1);
	child_says(forked, 0);
	child_says(sharing, CLONE_VM | CLONE_VFORK);
	child_says(sharing, CLONE_VM);
	expect(write(to_thread[1], "y", 1) == 1);
	expect(pthread_join(t, &got) == 0);
	printf("thread read %c\n", (char)(long)got);
	tell(clone(NULL, stack + sizeof stack, SIGCHLD, NULL));
	tell(clone(forked, NULL, SIGCHLD, NULL));
	return 0;
}
