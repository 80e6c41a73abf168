/*
 * What the kernel keeps for one thread stays that thread's: the ids for files, no new privileges.
 */
#include "check.h"

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct turn turn = TURN;

static void *own(void *arg)
{
	setfsuid(65534);
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	for (int i = 0; i < 3; i++) {
		usleep(2000);
		printf("own: files as %d, no new privileges %d\n", setfsuid(-1),
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		turn_set(&turn, 2 * i + 1);
		turn_wait(&turn, 2 * i + 2);
	}
	return arg;
}

static void *other(void *arg)
{
	for (int i = 0; i < 3; i++) {
		turn_wait(&turn, 2 * i + 1);
		usleep(1000);
		printf("other: files as %d, no new privileges %d\n", setfsuid(-1),
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
		turn_set(&turn, 2 * i + 2);
	}
	return arg;
}

int main(void)
{
	pthread_t a = start(own, NULL), b = start(other, NULL);

	join(a);
	join(b);
	return 0;
}
