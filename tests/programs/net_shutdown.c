/*
 * shutdown wakes those who read, write, accept, receive datagrams; half-closed connections still carry the other direction; resets and
 * broken pipes are errors for both.
 */
#include "net.h"

#include <signal.h>

static void *reader(void *arg)
{
	char buf[10];

	return (void *)(long)read(*(int *)arg, buf, sizeof buf);
}

static void *acceptor(void *arg)
{
	return accept(*(int *)arg, NULL, NULL) < 0 ? (void *)(long)errno : NULL;
}

static void *writer(void *arg)
{
	static char big[1 << 20];
	ssize_t n;

	while ((n = send(*(int *)arg, big, sizeof big, MSG_NOSIGNAL)) == (ssize_t)sizeof big)
		;
	/* a send that was under way may give a part first */
	if (n >= 0)
		n = send(*(int *)arg, big, sizeof big, MSG_NOSIGNAL);
	return (void *)(long)(n < 0 ? errno : 0);
}

static void readers_and_writers(const char *what, int fd[2])
{
	pthread_t t[4];
	char buf[100];

	printf("%s\n", what);
	for (int i = 0; i < 4; i++)
		t[i] = start(reader, &fd[0]);
	let_block();
	tell(shutdown(fd[0], SHUT_RD));
	for (int i = 0; i < 4; i++)
		printf("reader %ld\n", (long)join(t[i]));
	t[0] = start(reader, &fd[1]);
	let_block();
	expect(write(fd[0], "still", 5) == 5);
	printf("the other direction %ld\n", (long)join(t[0]));
	t[0] = start(writer, &fd[0]);
	let_block();
	tell(shutdown(fd[0], SHUT_WR));
	printf("writer %s\n", errno_name((int)(long)join(t[0])));
	long n, total = 0;
	while ((n = read(fd[1], buf, sizeof buf)) > 0)
		total += n;
	printf("the rest arrived %d, then %ld\n", total > 0, n);
	tell(send(fd[0], buf, 1, MSG_NOSIGNAL));
	tell(shutdown(fd[0], 17));
	close(fd[0]);
	close(fd[1]);
}

static void peers_close(void)
{
	int fd[2];
	char buf[10] = "";
	pthread_t t;

	printf("the peer closes\n");
	tcp_pair(fd);
	t = start(reader, &fd[0]);
	let_block();
	close(fd[1]);
	printf("reader %ld\n", (long)join(t));
	close(fd[0]);

	tcp_pair(fd);
	struct linger now = {1, 0};
	expect(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
	t = start(reader, &fd[0]);
	let_block();
	close(fd[1]);
	printf("reset: reader %ld\n", (long)join(t));
	tell(read(fd[0], buf, 1));
	tell(send(fd[0], buf, 1, MSG_NOSIGNAL));
	close(fd[0]);

	unix_pair(SOCK_STREAM, fd);
	expect(write(fd[0], buf, 5) == 5);
	close(fd[1]); /* with unread bytes */
	tell(read(fd[0], buf, 1));
	tell(read(fd[0], buf, 1));
	tell(write(fd[0], buf, 1));
	close(fd[0]);
}

static void *receiver(void *arg)
{
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	char buf[10];
	ssize_t n = recvfrom(*(int *)arg, buf, sizeof buf, 0, (void *)&from, &len);

	return (void *)(long)(n < 0 ? -errno : n * 100 + (ssize_t)len);
}

static void *message_receiver(void *arg)
{
	char buf[10];
	struct iovec iov = {buf, sizeof buf};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return (
	    void *)(long)(recvmsg(*(int *)arg, &m.msg_hdr, 0) + 10 * recvmmsg(*(int *)arg, &m, 1, 0, NULL));
}

static void datagrams(const char *what, int fd)
{
	pthread_t t[3] = {start(reader, &fd), start(receiver, &fd), start(message_receiver, &fd)};

	printf("%s\n", what);
	let_block();
	tell(shutdown(fd, SHUT_RD));
	for (int i = 0; i < 3; i++)
		printf("receiver %ld\n", (long)join(t[i]));
	close(fd);
}

int main(void)
{
	struct sockaddr_in at;
	pthread_t t[3];
	int fd[2], l;

	signal(SIGPIPE, SIG_IGN);
	tcp_pair(fd);
	readers_and_writers("tcp", fd);
	unix_pair(SOCK_STREAM, fd);
	readers_and_writers("unix", fd);
	peers_close();
	l = socket(AF_INET, SOCK_DGRAM, 0);
	at = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
	expect(connect(l, (void *)&at, sizeof at) == 0);
	datagrams("udp", l);
	unix_pair(SOCK_DGRAM, fd);
	datagrams("unix datagrams", fd[0]);
	close(fd[1]);
	l = listener(&at, 5);
	for (int i = 0; i < 3; i++)
		t[i] = start(acceptor, &l);
	let_block();
	tell(shutdown(l, SHUT_RD));
	for (int i = 0; i < 3; i++)
		printf("accept %s\n", errno_name((int)(long)join(t[i])));
	return 0;
}
