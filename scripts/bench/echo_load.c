/*
 * Closed-loop load for an echo server: every active connection sends a message, waits for all of it, checks it, and
 * sends the next. With a RATE they take turns, so many requests a second in all.
 * Usage: echo_load PORT PID ACTIVE IDLE SECONDS [RATE]
 * Prints: requests per second, microseconds of server CPU per request (its process clock), its resident KiB.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64 };

struct connection {
	int fd, got;
	unsigned turn;
	char in[SIZE];
};

static struct connection *all;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		fail("clock_gettime");
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void ask(struct connection *c)
{
	char out[SIZE];

	memset(out, 'a' + c->turn % 26, SIZE);
	c->got = 0;
	if (send(c->fd, out, SIZE, MSG_NOSIGNAL) != SIZE)
		fail("send");
}

/* True if a whole answer has come. */
static int answered(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->got, SIZE - c->got, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		fail("recv");
	c->got += n > 0 ? n : 0;
	if (c->got < SIZE)
		return 0;
	for (int i = 0; i < SIZE; i++)
		if (c->in[i] != (char)('a' + c->turn % 26)) {
			fprintf(stderr, "wrong answer\n");
			exit(1);
		}
	c->turn++;
	return 1;
}

static long turn(int ep, double until)
{
	struct epoll_event events[256];
	long answers = 0;

	while (seconds(CLOCK_MONOTONIC) < until) {
		int n = epoll_wait(ep, events, 256, 1000);

		for (int i = 0; i < n; i++)
			if (answered(events[i].data.ptr)) {
				answers++;
				ask(events[i].data.ptr);
			}
	}
	return answers;
}

/* Until every connection has had its thread made and its pages touched. */
static void warm_up(int ep, int active)
{
	long answers = turn(ep, seconds(CLOCK_MONOTONIC) + 0.2);

	for (int i = 0; i < 100 && answers < 3l * active; i++)
		answers += turn(ep, seconds(CLOCK_MONOTONIC) + 0.1);
}

/* The answers that are still to come. */
static void settle(int ep, int active)
{
	struct epoll_event event;

	while (active > 0)
		if (epoll_wait(ep, &event, 1, 1000) == 1)
			active -= answered(event.data.ptr);
}

static long pace(int ep, int active, double until, int rate)
{
	double next = seconds(CLOCK_MONOTONIC);
	long answers;

	for (answers = 0; next < until; answers++) {
		struct timespec t;

		ask(&all[answers % active]);
		settle(ep, 1);
		next += 1.0 / rate;
		t = (struct timespec){next, (next - (long)next) * 1e9};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	return answers;
}

static long resident(int pid)
{
	char path[64];
	long size, pages = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	return pages * 4;
}

int main(int argc, char **argv)
{
	struct rlimit files = {1 << 20, 1 << 20};
	int port = atoi(argv[1]), pid = atoi(argv[2]), active = atoi(argv[3]), idle = atoi(argv[4]);
	int ep = epoll_create1(0), rate = argc > 6 ? atoi(argv[6]) : 0;
	double wall, cpu;
	clockid_t clock;
	long requests;

	if (argc < 6 || clock_getcpuclockid(pid, &clock))
		return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	all = calloc(active, sizeof *all);
	for (int i = 0; i < idle; i++)
		dial(port);
	for (int i = 0; i < active; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};

		all[i].fd = dial(port);
		epoll_ctl(ep, EPOLL_CTL_ADD, all[i].fd, &e);
		ask(&all[i]);
	}
	warm_up(ep, active);
	if (rate)
		settle(ep, active);
	wall = seconds(CLOCK_MONOTONIC);
	cpu = seconds(clock);
	requests = rate ? pace(ep, active, wall + atof(argv[5]), rate) : turn(ep, wall + atof(argv[5]));
	wall = seconds(CLOCK_MONOTONIC) - wall;
	cpu = seconds(clock) - cpu;
	printf("%.0f %.3f %ld\n", requests / wall, cpu * 1e6 / requests, resident(pid));
	return 0;
}
