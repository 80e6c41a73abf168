/* Only the forking thread lives on in a forked child, which is a whole program again: it makes threads, locks, sleeps,
 * forks on. Handlers of pthread_atfork run in their order and may use threads' locks. The parent goes on undisturbed. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static pthread_mutex_t guarded = PTHREAD_MUTEX_INITIALIZER;
static int step;
static char order[64];

static void note(char c)
{
	order[step++] = c;
}

static void prepare1(void)
{
	note('1');
	pthread_mutex_lock(&guarded);
}

static void parent1(void)
{
	pthread_mutex_unlock(&guarded);
	note('p');
}

static void child1(void)
{
	pthread_mutex_unlock(&guarded);
	note('c');
}

static void prepare2(void)
{
	note('2');
}

static void parent2(void)
{
	note('P');
}

static void *count(void *arg)
{
	int *n = arg;

	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&guarded);
		++*n;
		pthread_mutex_unlock(&guarded);
		sched_yield();
	}
	return NULL;
}

/* Works as a program with threads; runs in the child. A thread of its own for everything that may block. */
static void child2(void)
{
	pthread_t t[3];
	int n = 0;

	note('C');
	for (int i = 0; i < 3; i++)
		t[i] = start(count, &n);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	expect(n == 30);
}

static _Atomic int stop;

static void *busy(void *arg)
{
	(void)arg;
	while (!stop) {
		pthread_mutex_lock(&guarded);
		pthread_mutex_unlock(&guarded);
		sleep_ms(1);
	}
	return NULL;
}

static int status_of(pid_t pid)
{
	int status;

	expect(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void *fork_here(void *arg)
{
	pid_t pid = fork(), self = pthread_self() == (pthread_t)arg;

	if (pid == 0) {
		int n = 0;
		join(start(count, &n));
		exit(n == 10 && !self ? 7 : 1);
	}
	return (void *)(long)status_of(pid);
}

static void forked_from_forked(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pid_t inner = fork();
		if (inner == 0) {
			sleep_ms(5);
			_exit(3);
		}
		_exit(status_of(inner) + 1);
	}
	printf("grandchild's status through its parent: %d\n", status_of(pid));
}

static pid_t from_handler;

static void handler(int sig)
{
	(void)sig;
	from_handler = fork();
	if (from_handler == 0)
		_exit(11);
}

int main(void)
{
	pthread_t others[4];
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	expect(!pthread_atfork(prepare1, parent1, child1) && !pthread_atfork(prepare2, parent2, child2));
	for (int i = 0; i < 4; i++)
		others[i] = start(busy, NULL);
	let_block();

	pid = fork();
	if (pid == 0) {
		printf("in the child: %s\n", order);
		exit(0);
	}
	printf("child: %d\n", status_of(pid));
	printf("in the parent: %s\n", order);

	step = 0;
	printf("child of a thread: %ld\n", (long)join(start(fork_here, (void *)pthread_self())));
	step = 0;
	forked_from_forked();
	step = 0;
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("child of a signal handler: %d\n", status_of(from_handler));
	step = 0;
	pid = _Fork();
	if (pid == 0)
		_exit(step);
	printf("_Fork runs no handlers: %d\n", status_of(pid));

	stop = 1;
	for (int i = 0; i < 4; i++)
		join(others[i]);
	return 0;
}
