/*
 * connect in all its endings: established, refused, in progress on a non-blocking socket, already, a full Unix
 * backlog, datagrams, time-out by SO_SNDTIMEO; the socket's O_NONBLOCK stays what it was.
 */
#include "net.h"

#include <sys/stat.h>

static struct sockaddr_in nobody(void)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	expect(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
	expect(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	close(fd); /* bound once, listens never */
	return at;
}

static int try_connect(int fd, const void *at, socklen_t size)
{
	int r = connect(fd, at, size);
	int error = errno;

	expect(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	errno = error;
	return r;
}

static void *tcp(void *arg)
{
	struct sockaddr_in good, bad = nobody();
	int l = listener(&good, 10), fd = socket(AF_INET, SOCK_STREAM, 0), error;
	socklen_t size = sizeof error;

	(void)arg;
	tell(try_connect(fd, &bad, sizeof bad));
	tell(try_connect(fd, &good, sizeof good)); /* a second attempt on the same socket */
	tell(try_connect(fd, &good, sizeof good));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	expect(connect(fd, (struct sockaddr *)&good, sizeof good) == 0 || errno == EINPROGRESS);
	expect(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 5000) == 1);
	expect(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
	printf("non-blocking: %s\n", errno_name(error));
	expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	expect(connect(fd, (struct sockaddr *)&bad, sizeof bad) < 0);
	if (errno == EINPROGRESS) {
		expect(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 5000) == 1);
		expect(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
		errno = error;
	}
	printf("non-blocking, refused: %s\n", errno_name(errno));
	close(fd);
	close(l);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	good.sin_family = AF_UNSPEC;
	tell(try_connect(fd, &bad, 3));
	tell(try_connect(fd, (void *)8, sizeof bad));
	close(fd);
	tell(connect(fd, (struct sockaddr *)&bad, sizeof bad));
	return NULL;
}

static struct sockaddr_un local;
static int server;

static void *accept_later(void *arg)
{
	let_block();
	for (int i = 0; i < (int)(long)arg; i++)
		expect(accept(server, NULL, NULL) >= 0);
	return NULL;
}

static int full_backlog(void)
{
	int fd, n = 0;

	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		n++;
	} while (connect(fd, (struct sockaddr *)&local, sizeof local) == 0);
	printf("full: %s\n", errno_name(errno));
	close(fd);
	return n - 1;
}

static void unix_sockets(void)
{
	struct timeval soon = {0, 30000};
	pthread_t t;
	int fd, n;

	local = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "socket"};
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	tell(try_connect(fd, &local, sizeof local));
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	expect(bind(server, (struct sockaddr *)&local, sizeof local) == 0);
	tell(try_connect(fd, &local, sizeof local));
	expect(listen(server, 2) == 0);
	n = full_backlog();
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
	tell(try_connect(fd, &local, sizeof local));
	soon.tv_usec = 0;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
	t = start(accept_later, (void *)(long)(n + 1));
	tell(try_connect(fd, &local, sizeof local));
	join(t);
}

static void datagrams(void)
{
	struct sockaddr_in at = nobody();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char c = 0;

	tell(try_connect(fd, &at, sizeof at));
	tell(send(fd, &c, 1, 0));
	tell(recv(fd, &c, 1, 0)); /* the port answers that nobody is there */
	close(fd);
}

int main(void)
{
	tcp(NULL);
	join(start(tcp, NULL));
	unix_sockets();
	datagrams();
	return 0;
}
