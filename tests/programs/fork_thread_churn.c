/*
 * Threads come and go while another forks, and each child makes threads of its own: none of them waits for a lock of the
 * dynamic linker's that a thread of the parent's held just then.
 */
#include "check.h"

#include <signal.h>

enum { FORKS = 800, CHURNERS = 2 };
static _Atomic bool done;

static void *nothing(void *value)
{
	return value;
}

static void *churn(void *unused)
{
	while (!done)
		for (int i = 0; i < 20; i++)
			pthread_join(start(nothing, NULL), NULL);
	return unused;
}

static void child(void)
{
	alarm(10);
	pthread_join(start(nothing, NULL), NULL);
	pthread_join(start(nothing, NULL), NULL);
	_exit(3);
}

static void *fork_often(void *unused)
{
	int bad = 0, status;

	for (int i = 0; i < FORKS && !bad; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child();
		expect(waitpid(pid, &status, 0) == pid);
		bad += status != 3 << 8;
	}
	printf("%d of %d bad\n", bad, FORKS);
	return unused;
}

int main(void)
{
	pthread_t churners[CHURNERS], forker = start(fork_often, NULL);

	for (int i = 0; i < CHURNERS; i++)
		churners[i] = start(churn, NULL);
	pthread_join(forker, NULL);
	done = true;
	for (int i = 0; i < CHURNERS; i++)
		pthread_join(churners[i], NULL);
	return 0;
}
