/*
 * Opening a FIFO waits for the other side, non-blocking opens do not, and a FIFO carries data and end of file like a
 * pipe. It takes all the bytes that it has room for, written or printed, with nobody reading.
 */
#include "net.h"

#include <sys/stat.h>

static void *write_side(void *arg)
{
	int fd;

	let_block();
	fd = open(arg, O_WRONLY);
	expect(fd >= 0);
	let_block();
	expect(write(fd, "through", 7) == 7);
	let_block();
	close(fd);
	return NULL;
}

static void *read_side(void *arg)
{
	char buf[20];
	int fd;

	let_block();
	fd = open(arg, O_RDONLY | O_CLOEXEC);
	expect(fd >= 0);
	expect(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	ssize_t n = read(fd, buf, sizeof buf);
	close(fd);
	return (void *)(long)n;
}

static void *waits(void *ends)
{
	char c;

	return (void *)(long)read(*(int *)ends, &c, 1);
}

/* The last page is not full yet when poll says that the pipe is. */
static void fill_up(int in, int out)
{
	char kib[1024] = "";
	FILE *f = fdopen(dup(out), "w");
	long size = fcntl(out, F_GETPIPE_SZ), n = 0;
	int ends[2];
	pthread_t t;

	expect(f && size > 8 * (long)sizeof kib && pipe(ends) == 0);
	setvbuf(f, NULL, _IONBF, 0);
	t = start(waits, ends);
	let_block();
	for (; n < size - 2 * (long)sizeof kib; n += sizeof kib)
		expect(write(out, kib, sizeof kib) == sizeof kib);
	expect(fwrite(kib, 1, sizeof kib, f) == sizeof kib);
	expect(write(out, kib, sizeof kib) == sizeof kib);
	printf("full\n");
	close(ends[1]);
	join(t);
	close(ends[0]);
	for (; n > -2 * (long)sizeof kib; n -= sizeof kib)
		expect(read(in, kib, sizeof kib) == sizeof kib);
	fclose(f);
}

int main(void)
{
	char buf[20];
	pthread_t t;
	FILE *f;
	int fd, ends[2];

	expect(mkfifo("fifo", 0600) == 0);
	t = start(write_side, "fifo");
	fd = open("fifo", O_RDONLY);
	expect(fd >= 0);
	expect(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	tell(read(fd, buf, sizeof buf));
	tell(read(fd, buf, sizeof buf));
	join(t);
	close(fd);

	t = start(read_side, "fifo");
	fd = openat(AT_FDCWD, "fifo", O_WRONLY);
	expect(fd >= 0);
	tell(write(fd, "abc", 3));
	close(fd);
	printf("reader %ld\n", (long)join(t));

	tell(open("fifo", O_WRONLY | O_NONBLOCK));
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	expect(fd >= 0);
	tell(read(fd, buf, 1));
	close(fd);
	fd = open("fifo", O_RDWR);
	tell(write(fd, "self", 4));
	tell(read(fd, buf, 10));
	close(fd);

	expect(pipe(ends) == 0);
	fill_up(ends[0], ends[1]);
	fd = open("fifo", O_RDWR);
	fill_up(fd, fd);
	close(fd);

	t = start(write_side, "fifo");
	f = fopen("fifo", "r");
	expect(f && fgets(buf, sizeof buf, f));
	printf("%s\n", buf);
	join(t);
	fclose(f);
	tell(open("missing", O_RDONLY));
	return 0;
}
