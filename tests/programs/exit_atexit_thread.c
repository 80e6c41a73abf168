/*
 * An atexit function that calls pthread_exit after main has returned ends its thread only; the last thread ends the
 * process with status 0 and runs what is left of the atexit functions.
 */
#include "check.h"

static void last(void)
{
	printf("last\n");
}

static void leaves(void)
{
	printf("leaves\n");
	pthread_exit(NULL);
}

static void *later(void *arg)
{
	usleep(20000);
	printf("later\n");
	return arg;
}

int main(void)
{
	pthread_t t;

	atexit(last);
	atexit(leaves);
	expect(pthread_create(&t, NULL, later, NULL) == 0);
	return 3;
}
