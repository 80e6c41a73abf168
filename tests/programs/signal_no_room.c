/*
 * A process that may not queue signals still gets each standard signal once: to blocked threads, to main, from timers.
 */
#include "check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static _Atomic int handled;
static int fd[2];

static void count(int signal)
{
	(void)signal;
	handled++;
}

static void *blocked(void *arg)
{
	char c;

	expect(read(fd[0], &c, 1) == 1);
	return arg;
}

static void await_handled(int n)
{
	while (handled < n)
		sleep_ms(1);
	sleep_ms(5);
	expect(handled == n);
}

int main(void)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
	struct rlimit none = {0, 0};
	struct itimerval soon = {.it_value = {0, 10000}};
	pthread_t t[2];

	expect(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
	expect(pipe(fd) == 0);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 2; i++)
		t[i] = start(blocked, NULL);
	let_block();
	for (int i = 0; i < 2; i++) {
		expect(pthread_kill(t[i], SIGUSR1) == 0);
		await_handled(i + 1);
	}
	expect(kill(getpid(), SIGUSR1) == 0);
	await_handled(3);
	expect(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	await_handled(4);
	expect(raise(SIGUSR1) == 0);
	expect(handled == 5);
	expect(write(fd[1], "ab", 2) == 2);
	for (int i = 0; i < 2; i++)
		join(t[i]);
	printf("handled %d\n", handled);
	return 0;
}
