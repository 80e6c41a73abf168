/*
 * clone with memory shared, the parent waiting, and zeros for thread-local data (Chromium's sandbox): the child makes
 * calls that touch none and ends; the parent's errno and thread-local data are as before.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static __thread int mine = 5;
static int pipe_ends[2], ran;

static int child(void *arg)
{
	ran++;
	syscall(SYS_write, pipe_ends[1], chdir("/tmp") == 0 ? "x" : "?", 1);
	return *(int *)arg;
}

static int child_exits(void *arg)
{
	ran++;
	syscall(SYS_write, pipe_ends[1], "y", 1);
	_exit(*(int *)arg);
}

static void once(int (*fn)(void *), int flags)
{
	static _Thread_local char stack[65536] __attribute__((aligned(16)));
	char below[4096], tls[16384] __attribute__((aligned(16))) = {0}, c = '?';
	int status = -1, arg = 7, pid;

	memset(below, 0x5a, sizeof below); /* no pointers of ours */
	__asm__ volatile("" : : "r"(below) : "memory");
	errno = 77;
	pid = clone(fn, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_SETTLS | SIGCHLD | flags, &arg,
	    NULL, tls, NULL);
	printf("%s, errno %d, mine %d, ran %d\n", pid > 0 ? "cloned" : "failed", errno, mine, ran);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && read(pipe_ends[0], &c, 1) != 1)
		perror("read");
	printf("wrote %c, status %x\n", c, status);
}

static void *thread(void *unused)
{
	once(child, 0);
	once(child, CLONE_FS);
	once(child_exits, 0);
	return unused;
}

int main(void)
{
	pthread_t t;

	if (pipe(pipe_ends) < 0)
		return 1;
	thread(NULL);
	for (int i = 0; i < 20; i++) {
		pthread_create(&t, NULL, thread, NULL);
		pthread_join(t, NULL);
	}
	return 0;
}
