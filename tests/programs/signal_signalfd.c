/*
 * signalfd finds signals directed at one thread: sent by another thread, by itself, queued with a value, sent before the
 * descriptor was made, and before the first thread was. What is read is not pending any more.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_t main_thread;

static void look(int fd, const char *what)
{
	struct pollfd p = {fd, POLLIN, 0};
	struct signalfd_siginfo info = {0};
	sigset_t pending;

	if (poll(&p, 1, 5000) != 1 || read(fd, &info, sizeof info) != sizeof info) {
		printf("%s: nothing\n", what);
		return;
	}
	sigpending(&pending);
	printf("%s: signal %u code %d value %d from %s, pending %d\n", what, info.ssi_signo, info.ssi_code,
	    info.ssi_int, (pid_t)info.ssi_pid == getpid() ? "here" : "elsewhere",
	    sigismember(&pending, info.ssi_signo));
}

static void *sender(void *arg)
{
	pthread_kill(main_thread, SIGUSR1);
	return arg;
}

static void *sleeper(void *fd)
{
	char c;

	return (void *)read(*(int *)fd, &c, 1);
}

int main(void)
{
	int ends[2], first, later, rt = SIGRTMIN + 1;
	pthread_t s, t;
	sigset_t set, all;

	main_thread = pthread_self();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, rt);
	all = set;
	sigaddset(&all, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	first = signalfd(-1, &set, SFD_CLOEXEC);
	if (first < 0 || pipe(ends) != 0)
		return 1;
	raise(SIGUSR1);
	pthread_create(&s, NULL, sleeper, &ends[0]);
	look(first, "before the first thread");

	pthread_create(&t, NULL, sender, NULL);
	look(first, "from a thread");
	pthread_join(t, NULL);
	raise(SIGUSR1);
	look(first, "raised");
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	look(first, "tgkill");
	pthread_sigqueue(pthread_self(), rt, (union sigval){.sival_int = 7});
	look(first, "queued");

	raise(SIGUSR2);
	later = signalfd(-1, &all, 0);
	look(later, "before the descriptor");
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	close(ends[1]);
	pthread_join(s, NULL);
	printf("end\n");
	return 0;
}
