/*
 * A thread that aborts ends the program.
 * vervet-status: SIGABRT
 */
#include "check.h"

static void *aborts(void *arg)
{
	let_block();
	abort();
	return arg;
}

int main(void)
{
	join(start(aborts, NULL));
	return 0;
}
