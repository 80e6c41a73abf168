/*
 * Two threads pass a byte to and fro through pipes: a program that does nothing but switch, the worst case for whatever
 * watches switches. Argument: how many turns.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int there[2], back[2];
static long turns;

static void *answer(void *arg)
{
	char c;

	for (long i = 0; i < turns; i++)
		if (read(there[0], &c, 1) != 1 || write(back[1], &c, 1) != 1)
			abort();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;
	char c = 'x';

	turns = argc > 1 ? atol(argv[1]) : 100000;
	if (pipe(there) || pipe(back) || pthread_create(&t, NULL, answer, NULL))
		return 1;
	for (long i = 0; i < turns; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			return 1;
	return pthread_join(t, NULL) != 0;
}
