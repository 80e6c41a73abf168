/* Threads wait for children of their own by every call of the family, and for any child, without stealing from one
 * another; a thread that waits holds up nobody. */
#include "check.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

static pid_t child(int ms, int status)
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(ms);
		_exit(status);
	}
	expect(pid > 0);
	return pid;
}

static void *wait_own(void *arg)
{
	long i = (long)arg;
	pid_t pid = child(10 + 7 * i % 50, i);
	int status = 0, pidfd;
	struct rusage usage;
	siginfo_t info = {0};

	switch (i % 4) {
	case 0:
		expect(waitpid(pid, &status, 0) == pid);
		break;
	case 1:
		expect(wait4(pid, &status, 0, &usage) == pid);
		break;
	case 2:
		expect(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0 && info.si_pid == pid);
		expect(info.si_code == CLD_EXITED && info.si_status == i);
		expect(waitpid(pid, &status, WNOHANG) == pid);
		break;
	case 3:
		pidfd = pidfd_open(pid, 0);
		expect(pidfd >= 0 && waitid(P_PIDFD, pidfd, &info, WEXITED) == 0 && info.si_status == i);
		close(pidfd);
		return (void *)1;
	}
	return (void *)(long)(WIFEXITED(status) && WEXITSTATUS(status) == i);
}

static void *wait_any(void *arg)
{
	int status;
	long sum = 0;

	(void)arg;
	while (wait(&status) > 0)
		sum += WEXITSTATUS(status);
	expect(errno == ECHILD);
	return (void *)sum;
}

static void own_children(void)
{
	pthread_t t[40];
	long good = 0;

	for (long i = 0; i < 40; i++)
		t[i] = start(wait_own, (void *)i);
	for (int i = 0; i < 40; i++)
		good += (long)join(t[i]);
	printf("own children: %ld of 40\n", good);
}

static void any_child(void)
{
	pthread_t t[3];
	long sum = 0;

	for (int i = 1; i <= 12; i++)
		child(5 + i % 5 * 5, i);
	for (int i = 0; i < 3; i++)
		t[i] = start(wait_any, NULL);
	for (int i = 0; i < 3; i++)
		sum += (long)join(t[i]);
	printf("any child: statuses sum up to %ld\n", sum);
}

static void group(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setpgid(0, 0);
		sleep_ms(20);
		_exit(21);
	}
	setpgid(pid, pid);
	expect(waitpid(-pid, &status, 0) == pid);
	printf("of a group: %d\n", WEXITSTATUS(status));
}

static void stops(void)
{
	int status, go[2];
	pid_t pid;

	expect(!pipe(go));
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(read(go[0], &status, 1) == 1 ? 22 : 1);
	}
	expect(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	printf("stopped by %s\n", sigabbrev_np(WSTOPSIG(status)));
	kill(pid, SIGCONT);
	expect(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	expect(write(go[1], "g", 1) == 1);
	expect(waitpid(pid, &status, 0) == pid);
	printf("then %d\n", WEXITSTATUS(status));
	pid = fork();
	if (pid == 0) {
		sleep_ms(10);
		raise(SIGTERM);
	}
	expect(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	printf("killed by %s\n", sigabbrev_np(WTERMSIG(status)));
}

static void errors(void)
{
	int status;
	siginfo_t info;

	tell(waitpid(-1, &status, 0));
	tell(waitpid(1, &status, 0));
	tell(waitpid(getpid(), &status, WNOHANG));
	tell(waitpid(-1, &status, 0x10000000));
	tell(waitid(P_ALL, 0, &info, WEXITED));
	tell(waitid(P_ALL, 0, &info, 0));
	tell(waitid(P_PIDFD, 99, &info, WEXITED));
}

static void ignored(void)
{
	int status;

	signal(SIGCHLD, SIG_IGN);
	pid_t pid = child(20, 5);
	tell(waitpid(pid, &status, 0));
	signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
	pthread_t ticker = start(tick_beside, NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	own_children();
	any_child();
	group();
	stops();
	errors();
	ignored();
	printf("ticks meanwhile: %s\n", ticks_beside(ticker, 20));
	return 0;
}
