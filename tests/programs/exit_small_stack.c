/*
 * A child of clone on a stack of 2 KiB, below which there is no memory, writes and ends: neither takes much stack. The calls
 * are bound before, since that does.
 */
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

enum { PAGE = 4096, STACK = 2048 };
static int ends[2];
static void (*volatile end)(int) = _exit;
static ssize_t (*volatile put)(int, const void *, size_t) = write;

static int child(void *status)
{
	if (put(ends[1], "x", 1) == 1)
		end(*(int *)status);
	return 1;
}

static void once(char *stack, int flags)
{
	int status = 7, was = -1;
	char c = '?';
	pid_t pid = clone(child, stack, flags | SIGCHLD, &status);

	expect(pid > 0 && waitpid(pid, &was, 0) == pid);
	expect(read(ends[0], &c, 1) == 1);
	printf("wrote %c, status %x\n", c, was);
}

static void *wait_long(void *unused)
{
	pause();
	return unused;
}

int main(void)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(pages != MAP_FAILED && mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
	expect(pipe(ends) == 0);
	once(pages + PAGE + STACK, 0);
	once(pages + PAGE + STACK, CLONE_VM | CLONE_VFORK);
	start(wait_long, NULL);
	once(pages + PAGE + STACK, 0);
	once(pages + PAGE + STACK, CLONE_VM | CLONE_VFORK);
	return 0;
}
