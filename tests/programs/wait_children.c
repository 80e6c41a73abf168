/*
 * The wait family in threads: each its own child, any child, by group, WNOHANG, WNOWAIT, stopped and continued ones,
 * usage; errors.
 */
#include "check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static pid_t spawn(int ms, int status)
{
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid == 0) {
		sleep_ms(ms);
		_exit(status);
	}
	return pid;
}

static void *own_child(void *arg)
{
	int n = (int)(long)arg, status;
	struct rusage usage;
	siginfo_t info = {0};
	pid_t pid = spawn(40 - 5 * n, n);

	switch (n % 3) {
	case 0:
		expect(waitpid(pid, &status, 0) == pid);
		break;
	case 1:
		expect(wait4(pid, &status, 0, &usage) == pid);
		break;
	case 2:
		expect(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
		expect(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == n);
		expect(waitpid(pid, &status, 0) == pid);
		break;
	}
	expect(WIFEXITED(status));
	return (void *)(long)WEXITSTATUS(status);
}

static void *any_child(void *arg)
{
	int status;
	pid_t pid = (long)arg ? wait(&status) : waitpid(-1, &status, 0);

	expect(pid > 0 && WIFEXITED(status));
	return (void *)(long)WEXITSTATUS(status);
}

static void job_control(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		_exit(6);
	}
	expect(waitpid(pid, &status, WUNTRACED) == pid);
	printf("stopped %d by %s\n", WIFSTOPPED(status), sigabbrev_np(WSTOPSIG(status)));
	tell(waitpid(pid, &status, WNOHANG));
	kill(pid, SIGCONT);
	expect(waitpid(pid, &status, WCONTINUED) == pid);
	if (WIFCONTINUED(status))
		expect(waitpid(pid, &status, 0) == pid);
	printf("then status %d\n", WEXITSTATUS(status));
}

int main(void)
{
	pthread_t t[7];
	int status, sum = 0;
	pid_t pid;

	for (long i = 0; i < 7; i++)
		t[i] = start(own_child, (void *)i);
	for (int i = 0; i < 7; i++)
		printf("%ld ", (long)join(t[i]));
	printf("\n");

	for (long i = 0; i < 5; i++)
		spawn(5 + (int)i, 1 << i);
	for (long i = 0; i < 5; i++)
		t[i] = start(any_child, (void *)(i % 2));
	for (int i = 0; i < 5; i++)
		sum |= (int)(long)join(t[i]);
	printf("all of them: %d\n", sum);

	tell(wait(&status));
	tell(waitpid(-1, &status, WNOHANG));
	tell(waitpid(getpid(), &status, 0));
	tell(waitpid(-1, &status, 1 << 20));
	pid = spawn(20, 2);
	tell(waitpid(pid, &status, WNOHANG));
	expect(waitpid(0, &status, 0) == pid);
	job_control();

	tell(WEXITSTATUS(system("exit 3")));
	FILE *p = popen("echo from the shell; exit 5", "r");
	char line[100];
	expect(p && fgets(line, sizeof line, p));
	printf("%s", line);
	tell(WEXITSTATUS(pclose(p)));
	return 0;
}
