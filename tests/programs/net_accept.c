/*
 * Several threads accept on one socket, with accept and accept4: every connection is taken exactly once; the flags
 * asked for are set, and no others.
 */
#include "net.h"

enum { ACCEPTORS = 6, CONNECTIONS = 60 };

static struct sockaddr_in at;
static int l, taken[CONNECTIONS];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

static int accept_one(int how)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof peer;
	int fd, flags, want = how % 3 == 1 ? O_NONBLOCK : 0;

	if (how % 3 == 0)
		fd = accept(l, (struct sockaddr *)&peer, &size);
	else
		fd = accept4(l, (struct sockaddr *)&peer, &size, how % 3 == 1 ? SOCK_NONBLOCK : SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	expect(size == sizeof peer && peer.sin_family == AF_INET);
	flags = fcntl(fd, F_GETFL);
	expect((flags & O_NONBLOCK) == want);
	expect(fcntl(fd, F_GETFD) == (how % 3 == 2 ? FD_CLOEXEC : 0));
	if (want)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

static void *acceptor(void *arg)
{
	int how = (int)(long)arg, fd;
	unsigned char number;

	while ((fd = accept_one(how++)) >= 0) {
		expect(read(fd, &number, 1) == 1);
		pthread_mutex_lock(&m);
		taken[number]++;
		pthread_mutex_unlock(&m);
		expect(write(fd, &number, 1) == 1);
		close(fd);
	}
	return (void *)(long)errno;
}

int main(void)
{
	pthread_t t[ACCEPTORS];

	l = listener(&at, 100);
	for (long i = 0; i < ACCEPTORS; i++)
		t[i] = start(acceptor, (void *)i);
	for (int i = 0; i < CONNECTIONS; i++) {
		unsigned char number = (unsigned char)i, back;
		int fd = connected(&at);

		expect(write(fd, &number, 1) == 1);
		expect(read(fd, &back, 1) == 1 && back == number);
		close(fd);
	}
	expect(!(fcntl(l, F_GETFL) & O_NONBLOCK));
	shutdown(l, SHUT_RDWR);
	for (int i = 0; i < ACCEPTORS; i++)
		printf("%s ", errno_name((int)(long)join(t[i])));
	for (int i = 0; i < CONNECTIONS; i++)
		expect(taken[i] == 1);
	printf("each once\n");
	fcntl(l, F_SETFL, O_NONBLOCK);
	tell(accept(-1, NULL, NULL));
	tell(accept(1, NULL, NULL) < 0 && errno == ENOTSOCK);
	int waiting = listener(&at, 3);
	fcntl(waiting, F_SETFL, O_NONBLOCK);
	tell(accept(waiting, NULL, NULL));
	return 0;
}
