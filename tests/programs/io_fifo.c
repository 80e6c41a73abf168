/*
 * Opening a FIFO waits for the other side, non-blocking opens do not, and a FIFO carries data and end of file like a
 * pipe.
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

int main(void)
{
	char buf[20];
	pthread_t t;
	FILE *f;
	int fd;

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

	t = start(write_side, "fifo");
	f = fopen("fifo", "r");
	expect(f && fgets(buf, sizeof buf, f));
	printf("%s\n", buf);
	join(t);
	fclose(f);
	tell(open("missing", O_RDONLY));
	return 0;
}
