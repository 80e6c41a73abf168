/* Every way to end, with threads that sleep, wait, read, hold a lock, and look names up: the same status, functions of
 * atexit once and in order, streams flushed, no hang. */
#include "check.h"

#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static sem_t never;
static int pipe_never[2];

static void *block(void *arg)
{
	char c, line[10];
	struct timespec forever = {1000, 0};

	switch ((long)arg) {
	case 0:
		pthread_mutex_lock(&held);
		break;
	case 1:
		sem_wait(&never);
		break;
	case 2:
		read(pipe_never[0], &c, 1);
		break;
	case 3:
		nanosleep(&forever, NULL);
		break;
	case 4:
		wait(NULL);
		break;
	case 5:
		fgets(line, 10, fdopen(pipe_never[0], "r"));
		break;
	case 6:
		system("sleep 0.2");
		break;
	}
	return NULL;
}

static void first(void)
{
	printf(" registered first");
}

static void last(void)
{
	printf(" registered last");
	sleep_ms(5);
}

static void quick(void)
{
	printf(" at quick exit");
	fflush(stdout);
}

static void *exit_here(void *arg)
{
	(void)arg;
	exit(31);
}

static void end(int how)
{
	switch (how) {
	case 0:
		exit(30);
	case 1:
		join(start(exit_here, NULL));
		break;
	case 2:
		fflush(stdout);
		_exit(32);
	case 3:
		fflush(stdout);
		quick_exit(33);
	case 4:
		fflush(stdout);
		signal(SIGABRT, SIG_DFL);
		abort();
	case 5:
		fflush(stdout);
		kill(getpid(), SIGTERM);
		pause();
		break;
	case 6:
		fflush(stdout);
		*(volatile int *)0 = 0;
	}
}

static void program(int how)
{
	int threads = how % 2 ? 7 : 5;

	atexit(first);
	atexit(last);
	at_quick_exit(quick);
	sem_init(&never, 0, 0);
	expect(!pipe(pipe_never));
	pthread_mutex_lock(&held);
	for (long i = 0; i < threads; i++)
		start(block, (void *)i);
	let_block();
	printf("way %d:", how);
	end(how);
}

int main(void)
{
	for (int how = 0; how <= 7; how++) {
		pid_t pid;
		int status;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			program(how);
			return 37; /* way 7, of the child's main */
		}
		expect(waitpid(pid, &status, 0) == pid);
		if (WIFEXITED(status))
			printf(" -> status %d\n", WEXITSTATUS(status));
		else
			printf(" -> signal %s\n", sigabbrev_np(WTERMSIG(status)));
	}
	return 0;
}
