/*
 * Descriptors that are closed, replaced and reused: no wait is lost, no event goes to the wrong one.
 */
#include "net.h"

static void *read_one(void *arg)
{
	char c = 0;
	ssize_t n = read((int)(long)arg, &c, 1);

	return (void *)(long)(n == 1 ? c : n == 0 ? '0' : '-');
}

static void *write_one(void *arg)
{
	sched_yield();
	expect(write((int)(long)arg, "w", 1) == 1);
	return NULL;
}

/* The same numbers again and again, as pipes, sockets and files. */
static void reuse(void)
{
	int fd[2], sum = 0;

	for (int i = 0; i < 200; i++) {
		if (i % 3)
			expect(pipe(fd) == 0);
		else
			unix_pair(SOCK_STREAM, fd);
		pthread_t r = start(read_one, (void *)(long)fd[0]);
		pthread_t w = start(write_one, (void *)(long)fd[1]);
		sum += (int)(long)join(r);
		join(w);
		close(fd[0]);
		close(fd[1]);
	}
	printf("sum %d\n", sum);
}

/* A reader goes on with the file it asked for when its number is replaced under it. */
static void replaced(void)
{
	int a[2], b[2];
	pthread_t t;

	expect(pipe(a) == 0 && pipe(b) == 0);
	t = start(read_one, (void *)(long)a[0]);
	let_block();
	expect(dup2(b[0], a[0]) == a[0]);
	expect(write(b[1], "b", 1) == 1);
	let_block();
	expect(write(a[1], "a", 1) == 1);
	printf("the old file's byte: %c\n", (char)(long)join(t));
	printf("the new file's byte: %c\n", (char)(long)join(start(read_one, (void *)(long)a[0])));
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

static void closed(void)
{
	int a[2];
	pthread_t t;

	expect(pipe(a) == 0);
	t = start(read_one, (void *)(long)a[0]);
	let_block();
	expect(close(a[0]) == 0);
	let_block();
	expect(write(a[1], "c", 1) == 1);
	printf("read over the close: %c\n", (char)(long)join(t));
	close(a[1]);
}

static void duplicates(void)
{
	int a[2], d;
	pthread_t t, u;

	expect(pipe(a) == 0);
	d = dup(a[0]);
	t = start(read_one, (void *)(long)a[0]);
	u = start(read_one, (void *)(long)d);
	let_block();
	expect(write(a[1], "x", 1) == 1);
	expect(write(a[1], "x", 1) == 1);
	printf("%c%c\n", (char)(long)join(t), (char)(long)join(u));
	close(a[0]);
	t = start(read_one, (void *)(long)d);
	let_block();
	close(a[1]);
	printf("end of file %c\n", (char)(long)join(t));
	close(d);
	tell(close(d));
	tell(dup(d));
	tell(dup2(d, 100));
	tell(dup3(1, 1, 0));
}

int main(void)
{
	reuse();
	replaced();
	closed();
	duplicates();
	return 0;
}
