/*
 * Real-time signals come in the order in which they were sent, and all of them, to the one thread that does not block
 * them, be that main or another, while it sleeps, computes, waits for a lock of a file, or does a little of each, beside
 * threads that exchange messages: bursts of fifty, and long ones.
 */
#include "check.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { PAIRS = 3, WAYS = 4 };

static const struct {
	int bursts, length;
} rounds[] = {{120, 50}, {2, 4000}};

static struct {
	_Atomic int handled, wrong;
} *shared;

static _Atomic bool over;
static sigset_t only;
static int file;

static void on_rt(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_value.sival_int != shared->handled)
		shared->wrong++;
	shared->handled++;
}

static void *echo(void *arg)
{
	int fd = (int)(long)arg, n;

	while (read(fd, &n, sizeof n) == sizeof n)
		expect(write(fd, &n, sizeof n) == sizeof n);
	return NULL;
}

static void *ask(void *arg)
{
	int fd = (int)(long)arg;

	for (int n = 1; !over; n++) {
		expect(write(fd, &n, sizeof n) == sizeof n && read(fd, &n, sizeof n) == sizeof n);
		if (n % 32 == 0)
			usleep(100);
	}
	shutdown(fd, SHUT_RDWR);
	return NULL;
}

/* A child's: the next burst goes out when the last has been handled. */
static void send_all(pid_t to, int bursts, int length)
{
	union sigval value = {.sival_int = 0};

	while (bursts--) {
		for (int i = 0; i < length; i++, value.sival_int++)
			while (sigqueue(to, SIGRTMIN, value) != 0)
				usleep(100);
		while (shared->handled < value.sival_int)
			usleep(20);
	}
}

static void pass_time(int way, int turn)
{
	if (way == 3)
		way = turn % 3;
	if (way == 0) {
		usleep(50);
	} else if (way == 1) {
		for (volatile int i = 0; i < 300000; i++)
			;
	} else {
		flock(file, LOCK_EX);
		flock(file, LOCK_UN);
	}
}

static void take(int way, int bursts, int length)
{
	pid_t parent = getpid(), child;

	shared->handled = shared->wrong = 0;
	child = fork();
	if (child == 0) {
		send_all(parent, bursts, length);
		_exit(0);
	}
	for (int turn = 0; shared->handled < bursts * length; turn++)
		pass_time(way, turn);
	expect(waitpid(child, NULL, 0) == child);
	printf("%d of %d: %d wrong\n", shared->handled, bursts * length, shared->wrong);
}

static void *take_all(void *unused)
{
	pthread_sigmask(SIG_UNBLOCK, &only, NULL);
	for (int way = 0; way < WAYS; way++)
		for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++)
			take(way, rounds[i].bursts, rounds[i].length);
	pthread_sigmask(SIG_BLOCK, &only, NULL);
	return unused;
}

int main(void)
{
	struct sigaction rt = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO | SA_RESTART};
	char name[] = "/tmp/signal_order.XXXXXX";
	pthread_t t[2 * PAIRS];
	int fd[2];

	file = mkstemp(name);
	expect(file >= 0 && unlink(name) == 0);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGRTMIN, &rt, NULL);
	sigemptyset(&only);
	sigaddset(&only, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &only, NULL);
	for (int i = 0; i < PAIRS; i++) {
		expect(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
		t[2 * i] = start(echo, (void *)(long)fd[0]);
		t[2 * i + 1] = start(ask, (void *)(long)fd[1]);
	}
	take_all(NULL);
	join(start(take_all, NULL));
	over = true;
	for (int i = 0; i < 2 * PAIRS; i++)
		join(t[i]);
	return 0;
}
