/*
 * SIGUSR1 with values, thousands, sent one by one by a child, and bursts of real-time signals, against a process whose
 * threads exchange messages, take locks and sleep all the while: every signal is handled once, with its value, the
 * real-time ones in order, and no message is lost. Only main does not block the real-time ones.
 */
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { SIGNALS = 2500, BURSTS = 40, BURST = 50, PAIRS = 8 };

static struct shared {
	_Atomic int handled, queued;
	_Atomic int wrong;
} *shared;

static _Atomic bool stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long messages;

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_code != SI_QUEUE || info->si_value.sival_int != shared->handled)
		shared->wrong++;
	shared->handled++;
}

static void on_rt(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_value.sival_int != shared->queued)
		shared->wrong++;
	shared->queued++;
}

static void *echo(void *arg)
{
	int fd = (int)(long)arg, n;

	for (;;) {
		if (read(fd, &n, sizeof n) != sizeof n)
			return NULL;
		n++;
		expect(write(fd, &n, sizeof n) == sizeof n);
	}
}

static void *ask(void *arg)
{
	int fd = (int)(long)arg, n = 0, before;

	while (!stop) {
		before = n;
		expect(write(fd, &n, sizeof n) == sizeof n && read(fd, &n, sizeof n) == sizeof n);
		expect(n == before + 1);
		pthread_mutex_lock(&lock);
		messages++;
		pthread_mutex_unlock(&lock);
		if (n % 64 == 0)
			usleep(100);
	}
	shutdown(fd, SHUT_RDWR);
	return NULL;
}

static void send_all(pid_t to)
{
	union sigval value;

	for (value.sival_int = 0; value.sival_int < SIGNALS; value.sival_int++) {
		expect(sigqueue(to, SIGUSR1, value) == 0);
		while (shared->handled <= value.sival_int)
			usleep(10);
	}
	for (int b = 0; b < BURSTS; b++) {
		for (int i = 0; i < BURST; i++) {
			value.sival_int = b * BURST + i;
			expect(sigqueue(to, SIGRTMIN, value) == 0);
		}
		while (shared->queued < (b + 1) * BURST)
			usleep(10);
	}
}

int main(void)
{
	struct sigaction usr1 = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigaction rt = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t t[2 * PAIRS];
	int fd[2], end[2], status;
	sigset_t only;
	pid_t child;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGRTMIN, &rt, NULL);
	sigemptyset(&only);
	sigaddset(&only, SIGRTMIN);
	expect(pipe(end) == 0);
	child = fork();
	if (child == 0) {
		send_all(getppid());
		_exit(0);
	}
	close(end[1]);
	pthread_sigmask(SIG_BLOCK, &only, NULL);
	for (long i = 0; i < PAIRS; i++) {
		expect(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
		t[2 * i] = start(echo, (void *)(long)fd[0]);
		t[2 * i + 1] = start(ask, (void *)(long)fd[1]);
	}
	pthread_sigmask(SIG_UNBLOCK, &only, NULL);
	expect(read(end[0], fd, 1) == 0); /* the child has ended */
	expect(waitpid(child, &status, 0) == child);
	stop = true;
	for (int i = 0; i < 2 * PAIRS; i++)
		join(t[i]);
	printf("handled %d, queued %d, wrong %d, child %d\n", shared->handled, shared->queued, shared->wrong, status);
	expect(messages > 0);
	return 0;
}
