/*
 * Clients of an echo server: N connections at once, each sends R messages of different lengths and checks every byte
 * that comes back, then shuts down and expects the end of file. Prints what was checked; status 1 if anything was wrong.
 * I more connections are opened first and stay idle until the others have ended; then each sends its only message.
 * Usage: clients PORT N R [I]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST = 2000 };

struct client {
	int fd, round;
	unsigned number;
	size_t size, got;
};

static unsigned rounds;
static long bytes, open_clients;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned char expected(const struct client *c, size_t at)
{
	return (unsigned char)(c->number * 7 + (unsigned)c->round * 13 + at * 31);
}

static void ask(struct client *c)
{
	unsigned char out[LONGEST];

	c->size = 1 + (c->number * 97 + (unsigned)c->round * 389) % LONGEST;
	c->got = 0;
	for (size_t i = 0; i < c->size; i++)
		out[i] = expected(c, i);
	if (send(c->fd, out, c->size, MSG_NOSIGNAL) != (ssize_t)c->size)
		fail("send");
}

static void connect_to(int port, struct client *c, int ep)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
	int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a))
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static void next(struct client *c)
{
	if (++c->round < (int)rounds)
		ask(c);
	else
		shutdown(c->fd, SHUT_WR);
}

static void receive(struct client *c)
{
	unsigned char in[LONGEST];
	ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		fail("recv");
	if (n == 0 && c->round < (int)rounds) {
		fprintf(stderr, "connection %u closed in round %d\n", c->number, c->round);
		exit(1);
	}
	if (n == 0) {
		close(c->fd);
		open_clients--;
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		if (c->got + (size_t)i >= c->size || in[i] != expected(c, c->got + (size_t)i)) {
			fprintf(stderr, "connection %u, round %d: wrong byte %zu\n", c->number, c->round,
			    c->got + (size_t)i);
			exit(1);
		}
	c->got += (size_t)n;
	bytes += n;
	if (c->got == c->size)
		next(c);
}

/* Ask on these connections, and go on until all but so many have ended. */
static int serve(int ep, struct client *first, int n, long stay)
{
	struct epoll_event events[256];
	int got;

	for (int i = 0; i < n; i++)
		ask(&first[i]);
	while (open_clients > stay) {
		got = epoll_wait(ep, events, 256, 20000);
		if (got == 0) {
			fprintf(stderr, "%ld connections were not answered for 20 s\n", open_clients - stay);
			return -1;
		}
		for (int i = 0; i < got; i++)
			receive(events[i].data.ptr);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit files = {1 << 20, 1 << 20};
	int ep = epoll_create1(0), busy, idle;
	struct client *all;

	if (argc < 4)
		return 2;
	if (setrlimit(RLIMIT_NOFILE, &files)) {
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	busy = atoi(argv[2]);
	idle = argc > 4 ? atoi(argv[4]) : 0;
	open_clients = idle + busy;
	rounds = (unsigned)atoi(argv[3]);
	all = calloc((size_t)open_clients, sizeof *all);
	for (int i = 0; i < idle + busy; i++) {
		all[i].number = (unsigned)i;
		all[i].round = i < idle ? (int)rounds - 1 : 0;
		connect_to(atoi(argv[1]), &all[i], ep);
	}
	printf("connected\n"); /* all are open before the first message */
	fflush(stdout);
	if (serve(ep, all + idle, busy, idle) || serve(ep, all, idle, 0))
		return 1;
	printf("%ld bytes\n", bytes);
	return 0;
}
