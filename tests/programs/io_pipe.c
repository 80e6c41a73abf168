/*
 * Pipes between threads: blocking reads and writes of every form, end of file, EPIPE, O_NONBLOCK as the program set
 * it, positions and errors of the p-calls, splice and tee.
 */
#include "net.h"

#include <signal.h>

static void *write_late(void *arg)
{
	int fd = *(int *)arg;

	let_block();
	expect(write(fd, "hello", 5) == 5);
	let_block();
	close(fd);
	return NULL;
}

static void *drain(void *arg)
{
	static __thread char buf[65536];
	long total = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf, sizeof buf)) > 0)
		total += n;
	return (void *)total;
}

static void reads(void)
{
	char a[3], b[10];
	struct iovec v[2] = {{a, 3}, {b, 10}};
	pthread_t t;
	int fd[2];

	expect(pipe(fd) == 0);
	t = start(write_late, &fd[1]);
	tell(readv(fd[0], v, 2));
	tell(read(fd[0], a, 3));
	tell(read(fd[0], a, 3));
	join(t);
	tell(pread(fd[0], a, 3, 0));
	tell(preadv2(fd[0], v, 2, -1, 0));
	tell(read(fd[0], (void *)8, 3));
	tell(lseek(fd[0], 0, SEEK_CUR));
	close(fd[0]);
	tell(read(fd[0], a, 3));
	tell(readv(fd[0], v, 2));
	expect(pipe(fd) == 0);
	t = start(write_late, &fd[1]);
	tell(preadv2(fd[0], v, 2, -1, 0));
	tell(preadv2(fd[0], v, 2, -1, RWF_NOWAIT));
	tell(readv(fd[0], v, -1));
	join(t);
	close(fd[0]);
}

static void *close_reader(void *arg)
{
	let_block();
	close(*(int *)arg);
	return NULL;
}

static void writes(void)
{
	static char big[1 << 20];
	struct iovec v[2] = {{big, 300000}, {big, 400000}};
	pthread_t t;
	ssize_t n;
	int fd[2];

	expect(pipe2(fd, O_CLOEXEC) == 0);
	t = start(drain, &fd[0]);
	tell(write(fd[1], big, sizeof big));
	tell(writev(fd[1], v, 2));
	tell(pwritev2(fd[1], v, 2, -1, 0));
	close(fd[1]);
	printf("drained %ld\n", (long)join(t));
	close(fd[0]);

	expect(pipe(fd) == 0);
	t = start(close_reader, &fd[0]);
	n = write(fd[1], big, sizeof big);
	printf("the reader went away: %d\n", n == -1 ? errno == EPIPE : n < (ssize_t)sizeof big);
	tell(write(fd[1], big, 1));
	join(t);
	close(fd[1]);

	expect(pipe2(fd, O_NONBLOCK) == 0);
	tell(read(fd[0], big, 1));
	n = write(fd[1], big, sizeof big);
	printf("a part: %d\n", n > 0 && n < (ssize_t)sizeof big);
	tell(write(fd[1], big, 4096));
	tell(writev(fd[1], v, 2));
	close(fd[0]);
	close(fd[1]);
}

static void *splice_all(void *arg)
{
	int *fd = arg;
	ssize_t n;
	long total = 0;

	while ((n = splice(fd[0], NULL, fd[1], NULL, 30000, 0)) > 0)
		total += n;
	close(fd[1]);
	return (void *)total;
}

static void movers(void)
{
	static char big[200000];
	int a[2], b[2], c[2], chain[2];
	pthread_t t, d;

	expect(pipe(a) == 0 && pipe(b) == 0 && pipe(c) == 0);
	chain[0] = a[0];
	chain[1] = b[1];
	t = start(splice_all, chain);
	d = start(drain, &b[0]);
	expect(write(a[1], big, sizeof big) == sizeof big);
	struct iovec v = {big, 100};
	expect(vmsplice(a[1], &v, 1, 0) == 100);
	close(a[1]);
	printf("spliced %ld, drained %ld\n", (long)join(t), (long)join(d));
	expect(pipe(a) == 0);
	t = start(write_late, &a[1]);
	tell(tee(a[0], c[1], 100, 0));
	tell(read(a[0], big, 10));
	tell(read(c[0], big, 10));
	join(t);
	tell(tee(a[0], c[1], 100, 0));
	tell(splice(c[0], NULL, 1, NULL, 10, SPLICE_F_NONBLOCK));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	reads();
	writes();
	movers();
	return 0;
}
