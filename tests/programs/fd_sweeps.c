/*
 * A program that closes every descriptor it does not know, or wants a certain number for itself, gets its way, and its
 * threads go on waiting, sleeping and waking.
 */
#include "net.h"

#include <sys/resource.h>

enum { LIMIT = 300 };

static int ask[2], answer[2];

/* Waits for descriptors and sleeps in turn, all the time. */
static void *answerer(void *arg)
{
	(void)arg;
	for (char c; read(ask[0], &c, 1) == 1;) {
		usleep(100);
		expect(write(answer[1], &c, 1) == 1);
	}
	return NULL;
}

static bool known(int fd)
{
	return fd <= 2 || fd == ask[0] || fd == ask[1] || fd == answer[0] || fd == answer[1];
}

static void still_works(const char *when)
{
	int pair[2];
	char c = 'x';

	expect(write(ask[1], &c, 1) == 1);
	expect(read(answer[0], &c, 1) == 1);
	tcp_pair(pair);
	write_all(pair[0], "y", 1);
	read_all(pair[1], &c, 1);
	close(pair[0]);
	close(pair[1]);
	printf("works after %s: %c\n", when, c);
}

static void close_each(void)
{
	int closed = 0;

	for (int fd = 0; fd < 5000; fd++)
		if (!known(fd))
			closed += close(fd) == 0;
	printf("closed %d that were open\n", closed);
}

static void close_all_above(void)
{
	tell(close_range(40, ~0u, 0));
	still_works("close_range");
	tell(dup2(ask[0], 50));
	closefrom(40);
	tell(write(50, "x", 1));
	still_works("closefrom");
	tell(close_range(20, 10, 0));
	tell(close_range(40, 50, 1 << 20));
}

/* Every number there is. */
static void take_numbers(void)
{
	int bad = 0;

	for (int fd = 3; fd < LIMIT; fd++) {
		if (known(fd))
			continue;
		bad += dup2(ask[1], fd) != fd;
		if (fd % 50 == 0)
			close(fd);
	}
	printf("not taken: %d\n", bad);
	for (int fd = 3; fd < LIMIT; fd++)
		if (!known(fd))
			close(fd);
	tell(dup2(ask[1], LIMIT));
}

/* As many as may be. */
static void open_all(void)
{
	int n = 0, last = 0, fd;

	while ((fd = dup(0)) >= 0) {
		last = fd;
		n++;
	}
	printf("%s after %d, the last %d\n", errno_name(errno), n, last);
	while (n--)
		close(last--);
}

int main(void)
{
	struct rlimit limit = {LIMIT, 10000};
	pthread_t t;

	expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	close_each();
	expect(pipe(ask) == 0 && pipe(answer) == 0);
	t = start(answerer, NULL);
	still_works("the start");
	close_each();
	still_works("closing each");
	close_all_above();
	take_numbers();
	still_works("taking every number");
	open_all();
	still_works("opening all");
	expect(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	printf("limit %d\n", (int)limit.rlim_cur);
	limit.rlim_max = LIMIT;
	expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	still_works("lowering the limit");
	close(ask[1]);
	join(t);
	return 0;
}
