/*
 * A thread per connection echoes with blocking calls; clients in threads check every byte, in every flavour of read
 * and write.
 */
#include "net.h"

enum { CLIENTS = 40, ROUNDS = 25, CHUNK = 3000 };

static struct sockaddr_in at;

static ssize_t get(int how, int fd, char *buf, size_t n)
{
	struct iovec v[2] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	switch (how % 5) {
	case 0:
		return read(fd, buf, n);
	case 1:
		return recv(fd, buf, n, 0);
	case 2:
		return readv(fd, v, 2);
	case 3:
		return recvmsg(fd, &m, 0);
	default:
		return recvfrom(fd, buf, n, 0, NULL, NULL);
	}
}

static ssize_t put(int how, int fd, char *buf, size_t n)
{
	struct iovec v[2] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	switch (how % 5) {
	case 0:
		return write(fd, buf, n);
	case 1:
		return send(fd, buf, n, 0);
	case 2:
		return writev(fd, v, 2);
	case 3:
		return sendmsg(fd, &m, 0);
	default:
		return sendto(fd, buf, n, 0, NULL, 0);
	}
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	char buf[CHUNK];
	ssize_t n;

	for (int how = fd; (n = get(how, fd, buf, sizeof buf)) > 0; how++)
		for (ssize_t done = 0; done < n;) {
			ssize_t r = put(how / 2, fd, buf + done, (size_t)(n - done));
			expect(r > 0);
			done += r;
		}
	expect(n == 0);
	close(fd);
	return NULL;
}

static void *client(void *arg)
{
	int fd = connected(&at), one = 1;
	char buf[CHUNK];
	size_t sent = (size_t)arg * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (int round = 0; round < ROUNDS; round++) {
		size_t n = 1 + (sent * 7) % CHUNK;

		fill(buf, n, sent);
		write_all(fd, buf, n);
		memset(buf, 0, n);
		for (size_t got = 0; got < n;) {
			ssize_t r = get(round, fd, buf + got, n - got);
			expect(r > 0);
			got += (size_t)r;
		}
		check_bytes(buf, n, sent);
		sent += n;
	}
	expect(shutdown(fd, SHUT_WR) == 0);
	expect(read(fd, buf, 1) == 0);
	close(fd);
	return (void *)(sent - (size_t)arg * 1000);
}

int main(void)
{
	pthread_t servers[CLIENTS], clients[CLIENTS];
	int l = listener(&at, CLIENTS);
	size_t bytes = 0;

	for (long i = 0; i < CLIENTS; i++)
		clients[i] = start(client, (void *)i);
	for (int i = 0; i < CLIENTS; i++) {
		long fd = accept(l, NULL, NULL);
		expect(fd >= 0);
		servers[i] = start(serve, (void *)fd);
	}
	for (int i = 0; i < CLIENTS; i++) {
		bytes += (size_t)join(clients[i]);
		join(servers[i]);
	}
	printf("%zu bytes echoed\n", bytes);
	return 0;
}
