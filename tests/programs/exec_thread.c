/*
 * exec from a thread replaces the whole program; masks, ignored signals, descriptors and environment are what the
 * program set.
 * vervet-status: SIGTERM
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void *idle(void *arg)
{
	sleep(1000);
	return arg;
}

static void *replace(void *arg)
{
	char *shell[] = {
	    "sh", "-c", "echo env: $ONLY; ls /proc/self/fd | tr '\\n' ' '; kill $$; echo not reached", NULL};
	char *sed[] = {"sed", "-n", "s/^Sig\\(Blk\\|Ign\\)/&/p", "/proc/self/status", NULL};
	char *env[] = {"ONLY=this", "PATH=/usr/bin:/bin", NULL};
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	if (arg)
		execve("/bin/sed", sed, env);
	else
		execve("/bin/sh", shell, env);
	return arg;
}

static int status_of(pid_t child)
{
	int status;

	expect(waitpid(child, &status, 0) == child);
	return status;
}

int main(void)
{
	int fd[2];

	expect(pipe2(fd, O_CLOEXEC) == 0);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	for (int i = 0; i < 3; i++)
		start(idle, NULL);
	let_block();
	pid_t child = fork();
	if (child == 0) {
		start(idle, NULL);
		join(start(replace, "sed"));
		_exit(1);
	}
	printf("sed: %d\n", status_of(child));
	fflush(stdout);
	join(start(replace, NULL));
	return 1;
}
