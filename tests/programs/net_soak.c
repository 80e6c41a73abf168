/*
 * vervet-timeout: 60
 * Many connections at once over TCP, Unix sockets and pipes: every blocking call in turn, messages of all sizes, slow
 * and quick ends, descriptors closed and reused all the time; every byte is checked.
 */
#include "net.h"

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>

enum { PAIRS = 24, ROUNDS = 25, MOST = 200000 };

static struct sockaddr_in at;
static int listening;
static char path[] = "/tmp/vervet-soak-XXXXXX";
static int file;

struct end {
	int in, out;
	bool socket;
	unsigned seed;
};

static unsigned draw(struct end *e, unsigned below)
{
	e->seed = e->seed * 1103515245 + 12345;
	return (e->seed >> 8) % below;
}

/* ---- sending ---- */

static ssize_t send_vector(struct end *e, char *buf, size_t n, bool message)
{
	struct iovec v[3] = {{buf, n / 3}, {buf + n / 3, n / 3}, {buf + n / 3 * 2, n - n / 3 * 2}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};

	return message ? sendmsg(e->out, &m, 0) : writev(e->out, v, 3);
}

static ssize_t send_messages(struct end *e, char *buf, size_t n)
{
	struct iovec v[2] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
	    {.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}}};

	expect(sendmmsg(e->out, m, 2, 0) == 2);
	return m[0].msg_len + m[1].msg_len;
}

static void send_out(struct end *e, char *buf, size_t n, size_t pos)
{
	off_t offset = pos;

	fill(buf, n, pos);
	switch (draw(e, e->socket ? 6 : 2)) {
	case 0:
		expect(write(e->out, buf, n) == (ssize_t)n);
		break;
	case 1:
		expect(send_vector(e, buf, n, false) == (ssize_t)n);
		break;
	case 2:
		expect(send(e->out, buf, n, MSG_NOSIGNAL) == (ssize_t)n);
		break;
	case 3:
		expect(send_vector(e, buf, n, true) == (ssize_t)n);
		break;
	case 4:
		expect(send_messages(e, buf, n) == (ssize_t)n);
		break;
	case 5:
		expect(sendfile(e->out, file, &offset, n) == (ssize_t)n);
		break;
	}
}

/* ---- receiving ---- */

static void wait_for(struct end *e, unsigned how)
{
	struct pollfd p = {.fd = e->in, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	struct timeval tv = {50, 0};
	fd_set set;
	int ep;

	if (how == 0) {
		expect(poll(&p, 1, 50000) == 1);
	} else if (how == 1) {
		FD_ZERO(&set);
		FD_SET(e->in, &set);
		expect(select(e->in + 1, &set, NULL, NULL, &tv) == 1);
	} else if (how == 2) {
		ep = epoll_create1(0);
		epoll_ctl(ep, EPOLL_CTL_ADD, e->in, &event);
		expect(epoll_wait(ep, &event, 1, -1) == 1);
		close(ep);
	}
}

static ssize_t receive_vector(struct end *e, char *buf, size_t n, bool message)
{
	struct iovec v[2] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};

	return message ? recvmsg(e->in, &m, 0) : readv(e->in, v, 2);
}

static ssize_t receive(struct end *e, char *buf, size_t n)
{
	wait_for(e, draw(e, 6));
	switch (draw(e, e->socket ? 5 : 2)) {
	case 0:
		return read(e->in, buf, n);
	case 1:
		return receive_vector(e, buf, n, false);
	case 2:
		return recv(e->in, buf, n, 0);
	case 3:
		return receive_vector(e, buf, n, true);
	default:
		return recv(e->in, buf, n, MSG_WAITALL);
	}
}

static void receive_all(struct end *e, char *buf, size_t n, size_t pos)
{
	while (n) {
		size_t want = draw(e, 2) ? n : 1 + draw(e, (unsigned)n);
		ssize_t r = receive(e, buf, want);

		expect(r > 0);
		check_bytes(buf, (size_t)r, pos);
		pos += (size_t)r;
		n -= (size_t)r;
		if (draw(e, 50) == 0)
			sleep_ms(1);
	}
}

/* ---- two ends of a connection draw the same sizes ---- */

static size_t size_of(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return 3 + (*seed >> 8) % (*seed >> 28 == 0 ? MOST : 2000);
}

static void talk(struct end *e, unsigned sizes, bool first)
{
	char *buf = malloc(MOST + 3);
	size_t pos = 0;

	for (int i = 0; i < ROUNDS; i++) {
		size_t n = size_of(&sizes);

		if (i % 2 == first)
			receive_all(e, buf, n, pos % 1000);
		else
			send_out(e, buf, n, pos % 1000);
		pos += n;
	}
	free(buf);
}

static void *answer(void *arg)
{
	struct end *e = arg;
	unsigned sizes;

	expect(read(e->in, &sizes, sizeof sizes) == sizeof sizes);
	talk(e, sizes, true);
	close(e->in);
	if (e->out != e->in)
		close(e->out);
	free(e);
	return NULL;
}

static void *accept_all(void *arg)
{
	int fd;

	while ((fd = accept(listening, NULL, NULL)) >= 0) {
		struct end *e = malloc(sizeof *e);

		*e = (struct end){fd, fd, true, 1};
		pthread_detach(start(answer, e));
	}
	return arg;
}

static struct end *other_end(int in, int out, bool socket)
{
	struct end *e = malloc(sizeof *e);

	*e = (struct end){in, out, socket, 2};
	return e;
}

static pthread_t open_pair(struct end *e, int kind)
{
	int a[2], b[2];

	if (kind == 0) {
		e->in = e->out = connected(&at);
		return 0;
	}
	if (kind == 1) {
		unix_pair(SOCK_STREAM, a);
		e->in = e->out = a[0];
		return start(answer, other_end(a[1], a[1], true));
	}
	expect(pipe(a) == 0 && pipe(b) == 0);
	e->in = a[0];
	e->out = b[1];
	return start(answer, other_end(b[0], a[1], false));
}

static void *client(void *arg)
{
	long id = (long)arg;
	unsigned sizes = (unsigned)id * 7919;

	for (int kind = 0; kind < 3; kind++) {
		struct end e = {.socket = kind < 2, .seed = sizes + 1};
		pthread_t t = open_pair(&e, kind);
		char c;

		write_all(e.out, &sizes, sizeof sizes);
		talk(&e, sizes, false);
		expect(read(e.in, &c, 1) == 0);
		if (t)
			join(t);
		close(e.in);
		if (e.out != e.in)
			close(e.out);
		sizes++;
	}
	return NULL;
}

int main(void)
{
	static char buf[MOST + 3000];
	pthread_t t[PAIRS];

	file = mkstemp(path);
	unlink(path);
	fill(buf, sizeof buf, 0);
	write_all(file, buf, sizeof buf);
	listening = listener(&at, 100);
	pthread_detach(start(accept_all, NULL));
	for (long i = 0; i < PAIRS; i++)
		t[i] = start(client, (void *)i);
	for (int i = 0; i < PAIRS; i++)
		join(t[i]);
	printf("all right\n");
	return 0;
}
