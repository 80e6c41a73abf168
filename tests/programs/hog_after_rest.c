/*
 * A thread that spins until a new thread answers, after it has been alone for a while: whoever watches for hogs is
 * awake again.
 */
#include "check.h"

static volatile bool answered;

static void *answer(void *arg)
{
	answered = true;
	return arg;
}

static void alone(void)
{
	struct timespec end = clock_in(CLOCK_MONOTONIC, 200), now;

	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		answered = false;
		pthread_t t = start(answer, NULL);
		while (!answered)
			;
		join(t);
		printf("answer %d\n", i);
		alone();
	}
	return 0;
}
