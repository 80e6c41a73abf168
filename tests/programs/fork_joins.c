/* A forked child joins a thread that its parent had, as clean-up at exit may do: it has ended, there is no wait. */
#include "check.h"

#include <sys/wait.h>

static struct turn turn = TURN;

static void *waits(void *arg)
{
	turn_wait(&turn, 1);
	return arg;
}

int main(void)
{
	pthread_t t[3];
	void *value;
	int status;
	pid_t pid;

	for (long i = 0; i < 3; i++)
		t[i] = start(waits, (void *)i);
	let_block();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		turn = (struct turn)TURN;
		turn_set(&turn, 1);
		for (long i = 5; i < 9; i++)
			printf("child's own: %ld\n", (long)join(start(waits, (void *)i)));
		value = "untouched";
		tell_error(pthread_join(t[0], &value));
		printf("value: %s\n", value ? "some" : "none");
		exit(0);
	}
	expect(waitpid(pid, &status, 0) == pid);
	printf("child: %d\n", status);
	turn_set(&turn, 1);
	for (int i = 0; i < 3; i++)
		printf("%ld\n", (long)join(t[i]));
	return 0;
}
