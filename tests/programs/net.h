/*
 * What the socket programs share: listeners, connections, bytes that can be checked.
 */
#ifndef NET_H
#define NET_H

#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* A listening TCP socket on a free port of the loopback. */
static inline int listener(struct sockaddr_in *at, int backlog)
{
	socklen_t size = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	expect(fd >= 0);
	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	expect(bind(fd, (struct sockaddr *)at, sizeof *at) == 0);
	expect(listen(fd, backlog) == 0);
	expect(getsockname(fd, (struct sockaddr *)at, &size) == 0);
	return fd;
}

static inline int connected(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	expect(fd >= 0);
	expect(connect(fd, (const struct sockaddr *)at, sizeof *at) == 0);
	return fd;
}

/* Two ends of a TCP connection. */
static inline void tcp_pair(int fd[2])
{
	struct sockaddr_in at;
	int l = listener(&at, 1);

	fd[0] = connected(&at);
	fd[1] = accept(l, NULL, NULL);
	expect(fd[1] >= 0);
	close(l);
}

static inline void unix_pair(int type, int fd[2])
{
	expect(socketpair(AF_UNIX, type, 0, fd) == 0);
}

static inline char pattern(size_t at)
{
	return (char)(at * 31 + (at >> 8) * 7);
}

static inline void fill(char *buf, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(at + i);
}

static inline void check_bytes(const char *buf, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		expect(buf[i] == pattern(at + i));
}

static inline void write_all(int fd, const void *buf, size_t n)
{
	for (const char *p = buf; n;) {
		ssize_t r = write(fd, p, n);
		expect(r > 0);
		p += r;
		n -= (size_t)r;
	}
}

static inline void read_all(int fd, void *buf, size_t n)
{
	for (char *p = buf; n;) {
		ssize_t r = read(fd, p, n);
		expect(r > 0);
		p += r;
		n -= (size_t)r;
	}
}

#endif
