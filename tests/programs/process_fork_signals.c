/* A forked child has its parent's mask and handlers, but none of its pending signals, timers or threads' signals. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t count;

static void handler(int sig)
{
	(void)sig;
	count++;
}

static void *idle(void *arg)
{
	(void)arg;
	sleep_ms(200);
	return NULL;
}

static void *fork_here(void *arg)
{
	sigset_t set;
	pid_t pid;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	expect(!pthread_kill(pthread_self(), SIGUSR2));
	pid = fork();
	if (pid == 0) {
		count = 0;
		expect(!sigpending(&set) && !sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2));
		pthread_sigmask(SIG_SETMASK, NULL, &set);
		expect(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
		sigemptyset(&set);
		pthread_sigmask(SIG_SETMASK, &set, NULL);
		pthread_t t = start(idle, arg);
		sleep_ms(40);
		expect(count == 0);
		raise(SIGUSR1);
		expect(count == 1);
		kill(getpid(), SIGUSR2);
		join(t);
		_exit(count);
	}
	expect(waitpid(pid, &status, 0) == pid);
	return (void *)(long)(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int main(void)
{
	struct sigaction a = {.sa_handler = handler};
	sigset_t set;
	pthread_t t, idler;

	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGUSR2, &a, NULL);
	sigaction(SIGALRM, &a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	idler = start(idle, NULL);
	kill(getpid(), SIGUSR1);
	ualarm(30000, 0);
	t = start(fork_here, NULL);
	printf("child counted %ld\n", (long)join(t));
	expect(!sigpending(&set));
	printf("pending in the parent: USR1 %d USR2 %d\n", sigismember(&set, SIGUSR1),
	    sigismember(&set, SIGUSR2));
	join(idler);
	printf("alarms in the parent: %d\n", (int)count);
	return 0;
}
