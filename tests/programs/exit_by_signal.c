/*
 * A program with blocked threads dies of a signal sent to it as any program does.
 * vervet-status: SIGTERM
 */
#include "check.h"

#include <signal.h>

static void *idle(void *arg)
{
	sleep(1000);
	return arg;
}

static void *killer(void *arg)
{
	let_block();
	kill(getpid(), SIGTERM);
	return arg;
}

int main(void)
{
	pthread_t t;

	printf("to be lost");
	for (int i = 0; i < 3; i++)
		t = start(idle, NULL);
	start(killer, NULL);
	join(t);
	return 0;
}
