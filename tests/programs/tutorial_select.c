/*
 * Two threads wait in select at the same time, a third one works meanwhile: both have begun before either ends.
 * vervet-runs: 20
 */
#include "check.h"

#include <sys/select.h>

enum { WAIT_MS = 300 };

static int64_t started;

static int64_t ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *poll_long(void *arg)
{
	struct timeval tv = {0, WAIT_MS * 1000};

	printf("Started Polling\n");
	expect(select(0, NULL, NULL, NULL, &tv) == 0);
	expect(ms() - started >= WAIT_MS);
	printf("Ended Polling\n");
	return arg;
}

static void *other_stuff(void *arg)
{
	printf("Hey lets do some stuff while the greenlets poll\n");
	usleep(WAIT_MS * 500);
	return arg;
}

int main(void)
{
	started = ms();
	pthread_t a = start(poll_long, NULL), b = start(poll_long, NULL), c = start(other_stuff, NULL);

	join(a);
	join(b);
	join(c);
	return 0;
}
