/*
 * pthread_getattr_np tells the truth on main and on threads: the page below the stack is a guard (a write there dies
 * of SIGSEGV, tried in a child), the lowest page of the stack is not.
 */
#include "check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void bounds(pthread_t t, char **low, size_t *size)
{
	pthread_attr_t attr;
	void *p;

	expect(pthread_getattr_np(t, &attr) == 0);
	expect(pthread_attr_getstack(&attr, &p, size) == 0);
	pthread_attr_destroy(&attr);
	*low = p;
}

static int touch(char *where)
{
	pid_t child = fork();
	int status;

	expect(child >= 0);
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)where = 1;
		_exit(0);
	}
	expect(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void *body(void *arg)
{
	char *low, here;
	size_t size;

	bounds(pthread_self(), &low, &size);
	expect(&here > low && &here < low + size);
	printf("%s: lowest byte: signal %d; below it: signal %d\n", (char *)arg, touch(low), touch(low - 1));
	return NULL;
}

static void *asked_from_outside(void *arg)
{
	char *low, here;
	size_t size;

	bounds(*(pthread_t *)arg, &low, &size);
	expect(!(&here > low && &here < low + size));
	return NULL;
}

static void *overflow(void *arg)
{
	volatile char big[16384];

	memset((void *)big, 1, sizeof big);
	return overflow((char *)arg + big[5]);
}

static int run_into_the_guard(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		join(start(overflow, NULL));
		_exit(0);
	}
	expect(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int main(void)
{
	pthread_t self = pthread_self();
	pthread_attr_t attr;
	struct rlimit limit;
	char *low, here;
	size_t size;
	pthread_t t;

	bounds(pthread_self(), &low, &size);
	expect(&here > low && &here < low + size);
	expect(getrlimit(RLIMIT_STACK, &limit) == 0);
	printf("main's stack is the limit's size: %d\n",
	    limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
	join(start(body, "default"));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	for (int i = 0; i < 3; i++) {
		expect(pthread_create(&t, &attr, body, "128 KiB") == 0);
		join(t);
	}
	join(start(asked_from_outside, &self));
	printf("endless recursion: signal %d\n", run_into_the_guard());
	return 0;
}
