/*
 * Edges of sockets and event descriptors that a blocking call must keep: low-water marks, lingering, an error after a
 * part, splice and tee, an event counter at its limit, a datagram peer whose queue is full.
 */
#include "net.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

enum { MANY = 4 << 20, MUCH = 64 << 20 /* more than all buffers ever hold */ };

static int fd[2];

static void *two_halves(void *arg)
{
	int to = (int)(long)arg;

	let_block();
	expect(write(to, "half ", 5) == 5);
	let_block();
	expect(write(to, "whole", 5) == 5);
	return NULL;
}

static void low_water(void)
{
	int mark = 10;
	char buf[100];
	pthread_t t;

	tcp_pair(fd);
	expect(setsockopt(fd[0], SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark) == 0);
	t = start(two_halves, (void *)(long)fd[1]);
	tell(recv(fd[0], buf, 100, 0));
	join(t);
	t = start(two_halves, (void *)(long)fd[1]);
	tell(read(fd[0], buf, 100));
	join(t);
	t = start(two_halves, (void *)(long)fd[1]);
	tell(recv(fd[0], buf, 5, 0));
	tell(recv(fd[0], buf, 5, 0));
	join(t);
	close(fd[0]);
	close(fd[1]);
}

static void *reset_in_the_middle(void *arg)
{
	struct linger now = {1, 0};
	static char buf[10000];

	(void)arg;
	read_all(fd[1], buf, sizeof buf);
	let_block();
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd[1]);
	return NULL;
}

/* The part that went out is the result; the error is the next call's. */
static void error_after_a_part(void)
{
	char *big = calloc(1, MUCH);
	ssize_t n;

	for (int i = 0; i < 3; i++) {
		tcp_pair(fd);
		pthread_t t = start(reset_in_the_middle, NULL);
		struct iovec v[2] = {{big, MUCH / 2}, {big + MUCH / 2, MUCH / 2}};

		n = i == 0   ? write(fd[0], big, MUCH)
		    : i == 1 ? send(fd[0], big, MUCH, 0)
			     : writev(fd[0], v, 2);
		printf("part: %d\n", n > 10000 && n < MUCH);
		join(t);
		tell(send(fd[0], "x", 1, MSG_NOSIGNAL));
		tell(send(fd[0], "x", 1, MSG_NOSIGNAL));
		close(fd[0]);
	}
	free(big);
}

static void *send_part_and_reset(void *arg)
{
	struct linger now = {1, 0};

	(void)arg;
	write_all(fd[1], "part", 4);
	let_block();
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd[1]);
	return NULL;
}

static void wait_all_of_a_part(void)
{
	char buf[100];

	tcp_pair(fd);
	pthread_t t = start(send_part_and_reset, NULL);
	tell(recv(fd[0], buf, 100, MSG_WAITALL));
	join(t);
	tell(recv(fd[0], buf, 100, MSG_WAITALL));
	tell(recv(fd[0], buf, 100, MSG_WAITALL));
	close(fd[0]);
}

static void *read_slowly(void *arg)
{
	static char buf[MANY];

	(void)arg;
	let_block();
	read_all(fd[1], buf, MANY);
	check_bytes(buf, MANY, 0);
	return NULL;
}

static void lingering_close(void)
{
	struct linger wait = {1, 10};
	char *big = malloc(MANY);

	fill(big, MANY, 0);
	tcp_pair(fd);
	expect(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &wait, sizeof wait) == 0);
	pthread_t t = start(read_slowly, NULL);
	tell(write(fd[0], big, MANY));
	tell(close(fd[0]));
	join(t);
	close(fd[1]);
	free(big);
}

static void *feed(void *arg)
{
	let_block();
	write_all((int)(long)arg, "through", 7);
	return NULL;
}

static void splices(void)
{
	int a[2], b[2], s[2];
	char buf[100] = "";
	pthread_t t;

	expect(pipe(a) == 0 && pipe(b) == 0);
	unix_pair(SOCK_STREAM, s);
	t = start(feed, (void *)(long)a[1]);
	tell(tee(a[0], b[1], 100, 0));
	join(t);
	tell(read(b[0], buf, 100));
	tell(splice(a[0], NULL, b[1], NULL, 100, 0));
	tell(splice(b[0], NULL, s[0], NULL, 7, 0));
	tell(recv(s[1], buf, 100, 0));
	t = start(feed, (void *)(long)s[0]);
	tell(splice(s[1], NULL, a[1], NULL, 100, 0));
	join(t);
	tell(vmsplice(a[1], &(struct iovec){"more", 4}, 1, 0));
	tell(read(a[0], buf, 100));
	tell(splice(a[0], NULL, b[1], NULL, 100, SPLICE_F_NONBLOCK));
	close(a[1]);
	tell(splice(a[0], NULL, b[1], NULL, 100, 0));
}

static void *take_count(void *arg)
{
	eventfd_t count;

	let_block();
	expect(eventfd_read(*(int *)arg, &count) == 0);
	return (void *)count;
}

static void full_counter(void)
{
	int e = eventfd(0, 0);
	uint64_t count;
	pthread_t t;

	tell(eventfd_write(e, 0xfffffffffffffffe));
	t = start(take_count, &e);
	tell(eventfd_write(e, 3));
	printf("count %lx\n", (unsigned long)join(t));
	tell(eventfd_read(e, &count));
	printf("count %d\n", (int)count);
	tell(eventfd_write(e, UINT64_MAX));
	tell(read(e, &count, 4));
	close(e);
}

static void *drain_late(void *arg)
{
	char c[100];

	let_block();
	while (recv(*(int *)arg, c, sizeof c, 0) == 4)
		;
	return NULL;
}

/* A Unix datagram socket that is not connected sees no room in its peer's queue: only the call itself does. */
static void full_peer(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0vervet-net-edges"};
	int peer = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t len = sizeof name;
	int sent = 0;
	pthread_t t;

	snprintf(name.sun_path + 1, 50, "vervet-net-edges-%d", getpid());
	expect(bind(peer, (void *)&name, len) == 0);
	t = start(drain_late, &peer);
	while (sent < 2000 && sendto(s, "data", 4, 0, (void *)&name, len) == 4)
		sent++;
	expect(sendto(s, "", 0, 0, (void *)&name, len) == 0);
	join(t);
	printf("datagrams %d\n", sent);
	close(peer);
	close(s);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	low_water();
	error_after_a_part();
	wait_all_of_a_part();
	lingering_close();
	splices();
	full_counter();
	full_peer();
	return 0;
}
