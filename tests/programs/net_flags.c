/*
 * MSG_WAITALL collects pieces, MSG_PEEK leaves them, MSG_TRUNC, MSG_DONTWAIT, zero-length calls, end of file in the
 * middle.
 */
#include "net.h"

struct pieces {
	int fd, n, size, close;
};

static void *send_pieces(void *arg)
{
	struct pieces *p = arg;
	char buf[4096];

	for (int i = 0; i < p->n; i++) {
		sleep_ms(3);
		fill(buf, (size_t)p->size, (size_t)(i * p->size));
		expect(send(p->fd, buf, (size_t)p->size, 0) == p->size);
	}
	if (p->close)
		shutdown(p->fd, SHUT_WR);
	return NULL;
}

static void streams(const char *what, int fd[2])
{
	char buf[8192];
	struct iovec v[2] = {{buf, 1000}, {buf + 1000, 1000}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	pthread_t t;

	printf("%s\n", what);
	t = start(send_pieces, &(struct pieces){fd[1], 5, 400, 0});
	tell(recv(fd[0], buf, 2000, MSG_WAITALL));
	check_bytes(buf, 2000, 0);
	join(t);
	t = start(send_pieces, &(struct pieces){fd[1], 5, 400, 0});
	tell(recvmsg(fd[0], &m, MSG_WAITALL));
	check_bytes(buf, 2000, 0);
	join(t);
	t = start(send_pieces, &(struct pieces){fd[1], 1, 100, 0});
	tell(recv(fd[0], buf, 50, MSG_PEEK));
	tell(recv(fd[0], buf, 100, MSG_PEEK | MSG_WAITALL));
	tell(recv(fd[0], buf, 50, MSG_DONTWAIT));
	tell(recv(fd[0], buf + 50, 500, 0));
	check_bytes(buf, 100, 0);
	join(t);
	tell(recv(fd[0], buf, 50, MSG_DONTWAIT));
	tell(recv(fd[0], buf, 50, MSG_DONTWAIT | MSG_WAITALL));
	tell(send(fd[0], buf, 0, 0));
	tell(write(fd[0], buf, 0));
	tell(read(fd[0], buf, 0));
	t = start(send_pieces, &(struct pieces){fd[1], 3, 300, 1});
	tell(recv(fd[0], buf, 5000, MSG_WAITALL));
	check_bytes(buf, 900, 0);
	tell(recv(fd[0], buf, 5000, MSG_WAITALL));
	tell(recv(fd[0], buf, 1, MSG_PEEK));
	tell(read(fd[0], buf, 0));
	join(t);
}

static void *send_datagrams(void *arg)
{
	int fd = *(int *)arg;
	char buf[300] = "";

	sleep_ms(5);
	expect(send(fd, buf, 300, 0) == 300);
	expect(send(fd, buf, 0, 0) == 0);
	sleep_ms(5);
	expect(send(fd, buf, 100, 0) == 100);
	return NULL;
}

static void datagrams(int type)
{
	char buf[400];
	pthread_t t;
	int fd[2];

	printf("datagrams\n");
	unix_pair(type, fd);
	t = start(send_datagrams, &fd[1]);
	tell(recv(fd[0], buf, 10, MSG_PEEK));
	tell(recv(fd[0], buf, 10, MSG_TRUNC));
	tell(recv(fd[0], buf, sizeof buf, 0));
	tell(recv(fd[0], buf, sizeof buf, MSG_WAITALL));
	join(t);
	tell(recv(fd[0], buf, sizeof buf, MSG_DONTWAIT));
	tell(recv(fd[0], buf, 0, MSG_DONTWAIT));
}

int main(void)
{
	int fd[2];
	char c;

	tcp_pair(fd);
	streams("tcp", fd);
	unix_pair(SOCK_STREAM, fd);
	streams("unix", fd);
	datagrams(SOCK_DGRAM);
	datagrams(SOCK_SEQPACKET);
	tell(recv(-1, &c, 1, 0));
	tell(recv(1, &c, 1, 0));
	tell(recv(fd[0], (void *)8, 10, MSG_DONTWAIT));
	tell(recv(fd[0], &c, 1, MSG_OOB));
	return 0;
}
