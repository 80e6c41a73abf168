/*
 * Threads block a signal one after the other, main last or one of them last: from then on the signal is pending, whatever its
 * action, and a signalfd shows it.
 */
#include "check.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { THREADS = 60 };

static pthread_barrier_t go, blocked;
static int closing[2];

static sigset_t only(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static void *blocks(void *arg)
{
	sigset_t set = only(SIGTERM);
	char c;

	pthread_barrier_wait(&go);
	if (arg)
		sleep_ms((long)arg);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_barrier_wait(&blocked);
	expect(read(closing[0], &c, 1) == 0);
	return NULL;
}

static void send_later(void)
{
	pid_t child = fork();

	if (child == 0) {
		sleep_ms(100);
		kill(getppid(), SIGTERM);
		_exit(0);
	}
	expect(child > 0);
}

static void ask(bool main_first)
{
	struct signalfd_siginfo info;
	sigset_t set = only(SIGTERM), before;
	pthread_t t[THREADS];
	int fd, status;

	expect(pipe(closing) == 0);
	pthread_barrier_init(&go, NULL, THREADS + 1);
	pthread_barrier_init(&blocked, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(blocks, (void *)(i == THREADS - 1 ? 20l : 0l));
	if (main_first)
		pthread_sigmask(SIG_BLOCK, &set, &before);
	pthread_barrier_wait(&go);
	pthread_barrier_wait(&blocked);
	if (!main_first)
		pthread_sigmask(SIG_BLOCK, &set, &before);
	fd = signalfd(-1, &set, 0);
	send_later();
	expect(read(fd, &info, sizeof info) == sizeof info);
	printf("main %s: %s\n", main_first ? "first" : "last", info.ssi_signo == SIGTERM ? "SIGTERM" : "another");
	expect(wait(&status) > 0);
	close(closing[1]);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	close(closing[0]);
	close(fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_barrier_destroy(&go);
	pthread_barrier_destroy(&blocked);
}

int main(void)
{
	for (int i = 0; i < 5; i++) {
		ask(false);
		ask(true);
	}
	return 0;
}
