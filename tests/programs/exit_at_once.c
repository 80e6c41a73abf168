/*
 * _exit, quick_exit, abort and deadly signals in children with threads: each ends its process at once with the right
 * status; _exit flushes nothing.
 */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static int how;

static void *end(void *arg)
{
	(void)arg;
	let_block();
	printf("never flushed");
	switch (how % 7) {
	case 0:
		_exit(3);
	case 1:
		quick_exit(4);
	case 2:
		abort();
	case 3:
		raise(SIGTERM);
		break;
	case 4:
		kill(getpid(), SIGKILL);
		break;
	case 5:
		*(volatile int *)8 = 1;
		break;
	case 6:
		_Exit(5);
	}
	sleep(1000);
	return NULL;
}

static void *idle(void *arg)
{
	sleep(1000);
	return arg;
}

static void at_quick_exit_fn(void)
{
	expect(write(1, "at quick exit\n", 14) == 14);
}

int main(void)
{
	int status;

	for (how = 0; how < 14; how++) {
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			at_quick_exit(at_quick_exit_fn);
			for (int i = 0; i < 3; i++)
				start(idle, NULL);
			if (how < 7)
				join(start(end, NULL));
			end(NULL);
		}
		expect(waitpid(child, &status, 0) == child);
		if (WIFEXITED(status))
			printf("%d: status %d\n", how, WEXITSTATUS(status));
		else
			printf("%d: %s\n", how, sigabbrev_np(WTERMSIG(status)));
	}
	return 0;
}
