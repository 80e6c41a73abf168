/* Handlers of pthread_atfork may wait for a lock whose holder forks, too; signal handlers may fork (_Fork) in the middle of
 * anybody's fork. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

enum { FORKERS = 4, ROUNDS = 20 };

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static _Atomic bool held, waits;
static _Atomic int forked, in_handlers;

static void prepare(void)
{
	if (held)
		waits = true;
	pthread_mutex_lock(&lock);
}

static void after(void)
{
	pthread_mutex_unlock(&lock);
}

static void reap(pid_t pid, int wanted)
{
	int status = -1;
	pid_t r;

	while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	expect(r == pid && WIFEXITED(status) && WEXITSTATUS(status) == wanted);
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	reap(pid, 3);
}

static void *hold_and_fork(void *arg)
{
	pthread_mutex_lock(&lock);
	held = true;
	while (!waits)
		sched_yield();
	sleep_ms(5);
	fork_once();
	held = false;
	pthread_mutex_unlock(&lock);
	return arg;
}

static void on_signal(int sig)
{
	pid_t pid = _Fork();

	(void)sig;
	if (pid == 0)
		_exit(4);
	reap(pid, 4);
	in_handlers++;
}

static void *fork_often(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		fork_once();
	forked++;
	while (in_handlers < ROUNDS)
		sched_yield();
	return arg;
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	pthread_t holder, forker[FORKERS];

	expect(!pthread_atfork(prepare, after, after));
	holder = start(hold_and_fork, NULL);
	while (!held)
		sched_yield();
	fork_once();
	pthread_join(holder, NULL);

	expect(!sigaction(SIGUSR1, &act, NULL));
	for (int i = 0; i < FORKERS; i++)
		forker[i] = start(fork_often, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		expect(!pthread_kill(forker[i % FORKERS], SIGUSR1));
		while (in_handlers <= i)
			sched_yield();
	}
	for (int i = 0; i < FORKERS; i++)
		pthread_join(forker[i], NULL);
	printf("%d threads forked, %d forks in handlers\n", forked, in_handlers);
	return 0;
}
