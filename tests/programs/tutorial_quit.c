/*
 * SIGQUIT ends a program whose threads would sleep for ever, at once.
 * vervet-status: SIGQUIT
 */
#include "check.h"

#include <signal.h>

static void *run_for_ever(void *arg)
{
	sleep(1000);
	return arg;
}

static void *quit(void *arg)
{
	let_block();
	kill(getpid(), SIGQUIT);
	return arg;
}

int main(void)
{
	pthread_t t = start(run_for_ever, NULL);

	start(quit, NULL);
	join(t);
	return 0;
}
