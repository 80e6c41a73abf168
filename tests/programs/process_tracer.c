/* Main traces a child beside threads that compute: ptrace() wants the kernel thread that made the child. */
#include "check.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>

static atomic_int over;

static void *busy(void *arg)
{
	while (!over) {
		compute(3);
		usleep(500);
	}
	return arg;
}

static void child(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	for (int i = 0; i < 10; i++)
		raise(SIGSTOP);
	_exit(7);
}

int main(void)
{
	int status, stops = 0;
	pthread_t t[2];
	pid_t pid;

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, busy, NULL);
	compute(20);
	pid = fork();
	if (pid == 0)
		child();
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		stops++;
		usleep(1000);
		compute(4);
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0) {
			perror("ptrace");
			kill(pid, SIGKILL);
		}
	}
	over = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	printf("%d stops, status %d\n", stops, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}
