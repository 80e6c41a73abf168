/*
 * A program that takes every descriptor's number up to its limit, one after the other, beside threads that wait: all of them
 * are its own, and the threads wake.
 */
#include "check.h"

#include <sys/resource.h>

enum { LIMIT = 4200 };

static void *ticks(void *end)
{
	char c;

	usleep(1000);
	return read(*(int *)end, &c, 1) == 1 ? NULL : end;
}

int main(void)
{
	struct rlimit limit;
	int ends[2], last, wrong = 0;
	pthread_t t[3];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = LIMIT;
	expect(setrlimit(RLIMIT_NOFILE, &limit) == 0 && pipe(ends) == 0);
	for (int i = 0; i < 3; i++)
		t[i] = start(ticks, &ends[0]);
	usleep(3000);
	for (last = ends[1] + 1; last < LIMIT; last++)
		wrong += dup2(last - 1, last) != last;
	printf("wrong: %d\n", wrong);
	tell(dup2(last - 1, last));
	usleep(3000);
	expect(write(last - 1, "abc", 3) == 3);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	for (int i = ends[1] + 1; i < LIMIT; i++)
		wrong += close(i) != 0;
	printf("not to be closed: %d\n", wrong);
	return 0;
}
