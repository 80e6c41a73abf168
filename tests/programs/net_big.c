/*
 * Big blocking writes to a slow reader are complete when they return, whatever the call; order and bytes are kept.
 */
#include "net.h"

#include <sys/sendfile.h>

enum { SIZE = 3 << 20 };

static char *data;

static void *slow_reader(void *arg)
{
	static __thread char buf[50000];
	size_t got = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf, 1000 + got % 49000)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			expect(buf[i] == data[(got + (size_t)i) % SIZE]);
		if (got % 7 == 0)
			sleep_ms(1);
		got += (size_t)n;
	}
	expect(n == 0);
	return (void *)got;
}

static void send_all_ways(const char *what, int fd[2], bool socket)
{
	struct iovec v[4];
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 4};
	pthread_t t = start(slow_reader, &fd[0]);
	FILE *file = tmpfile();
	off_t offset = 0;

	printf("%s\n", what);
	for (int i = 0; i < 4; i++)
		v[i] = (struct iovec){data + i * (SIZE / 4), SIZE / 4};
	tell(write(fd[1], data, SIZE));
	tell(writev(fd[1], v, 4));
	if (socket) {
		tell(send(fd[1], data, SIZE, 0));
		tell(sendmsg(fd[1], &m, 0));
		tell(sendto(fd[1], data, SIZE, 0, NULL, 0));
	}
	expect(fwrite(data, SIZE, 1, file) == 1 && fflush(file) == 0);
	while (offset < SIZE)
		expect(sendfile(fd[1], fileno(file), &offset, (size_t)(SIZE - offset)) > 0);
	fclose(file);
	close(fd[1]);
	printf("received %zu times\n", (size_t)join(t) / SIZE);
	close(fd[0]);
}

int main(void)
{
	int fd[2];

	data = malloc(SIZE);
	fill(data, SIZE, 0);
	tcp_pair(fd);
	send_all_ways("tcp", fd, true);
	unix_pair(SOCK_STREAM, fd);
	send_all_ways("unix", fd, true);
	expect(pipe(fd) == 0);
	send_all_ways("pipe", fd, false);
	return 0;
}
