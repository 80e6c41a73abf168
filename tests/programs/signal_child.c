/* SIGCHLD goes to the thread that made the child, also when another could take it at once; to another if that one blocks
 * it, or is no more. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

enum { ROUNDS = 20 };

extern char **environ;

static pthread_t forker;
static _Atomic int by_main, by_forker, by_other;
static _Atomic bool done;

static void on_child(int sig)
{
	int saved = errno;

	(void)sig;
	if (pthread_equal(pthread_self(), forker))
		by_forker++;
	else if (gettid() == getpid())
		by_main++;
	else
		by_other++;
	errno = saved;
}

static int handled(void)
{
	return by_main + by_forker + by_other;
}

static void until_handled(int n)
{
	while (handled() < n)
		sched_yield();
}

/* A child that lives until gate[1] is closed. */
static pid_t make(int round, int gate[2])
{
	char *argv[] = {"cat", NULL}, byte;
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	expect(!pipe2(gate, O_CLOEXEC));
	if (round % 4 == 3) {
		expect(!posix_spawn_file_actions_init(&actions));
		expect(!posix_spawn_file_actions_adddup2(&actions, gate[0], 0));
		expect(!posix_spawn(&pid, "/bin/cat", &actions, NULL, argv, environ));
		posix_spawn_file_actions_destroy(&actions);
	} else {
		pid = round % 4 == 2 ? _Fork() : fork();
	}
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		_exit(0);
	}
	close(gate[0]);
	return pid;
}

static void *make_children(void *arg)
{
	forker = pthread_self();
	for (int i = 0; i < ROUNDS; i++) {
		int gate[2];
		pid_t pid = make(i, gate);

		close(gate[1]);
		until_handled(i + 1);
		expect(waitpid(pid, NULL, 0) == pid);
	}
	return arg;
}

static void *make_blocked(void *arg)
{
	sigset_t set;
	int gate[2];
	pid_t pid;

	forker = pthread_self();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pid = make(0, gate);
	close(gate[1]);
	until_handled(1);
	expect(waitpid(pid, NULL, 0) == pid);
	return arg;
}

static void *make_and_end(void *gate)
{
	forker = pthread_self();
	make(0, gate);
	return NULL;
}

/* Takes SIGCHLD at once, if it is given it. */
static void *spin(void *arg)
{
	while (!done)
		;
	return arg;
}

static void *idle(void *arg)
{
	while (!done)
		sleep_ms(5);
	return arg;
}

static void show(const char *what)
{
	/* The kernel passes over a thread that has something else to see to. */
	int strays = handled() - by_forker;

	if (handled() == ROUNDS)
		printf("%s: %s\n", what, strays < ROUNDS / 4 ? "forker" : "others");
	else
		printf("%s: main %d, forker %d, other %d\n", what, by_main, by_forker, by_other);
	by_main = by_forker = by_other = 0;
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_child, .sa_flags = SA_RESTART};
	pthread_t others[2];
	int gate[2];

	expect(!sigaction(SIGCHLD, &act, NULL));
	pthread_join(start(make_children, NULL), NULL);
	show("main joins");

	others[0] = start(spin, NULL);
	others[1] = start(idle, NULL);
	pthread_join(start(make_children, NULL), NULL);
	show("another computes");
	done = true;
	pthread_join(others[0], NULL);
	pthread_join(others[1], NULL);

	pthread_join(start(make_blocked, NULL), NULL);
	show("blocked there");

	pthread_join(start(make_and_end, gate), NULL);
	close(gate[1]);
	until_handled(1);
	expect(wait(NULL) > 0);
	show("ended");
	return 0;
}
