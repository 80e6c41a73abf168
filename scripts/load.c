/*
 * Load for scripts/demo: HTTP/1.1 clients on kept-alive connections of one single-threaded process.
 *
 *   load PORT SECONDS BUSY SLOW FILE...
 *
 * BUSY clients ask for one FILE after the other as fast as they are answered. SLOW clients send their request a byte at
 * a time and read the answer (the last FILE) in small pieces. Every answer's status and length are checked and its
 * body compared with the file, byte for byte. All clients are connected before the first request, and what has been
 * asked for when the time is up is still waited for. Prints "name value" lines; status 1 if any answer was wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOW_STEP_MS = 15,
	SLOW_PIECE = 4096,
	WHOLE = 65536,
	GRACE_S = 20,
	CONNECT_S = 10,
	LATENCIES = 1 << 20
};

struct file {
	const char *name;
	char *data;
	size_t size;
};

struct client {
	int fd;
	bool slow;
	const struct file *file;
	unsigned turn;
	char request[512], head[2048];
	size_t sent, to_send, head_len, body;
	bool in_body;
	int64_t asked_ns, step_ns;
};

static struct file *files;
static unsigned file_count;
static long done_busy, done_slow, wrong, running;
static float *latency_ms;
static int64_t end_ns;
static int poller;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void load_file(struct file *f, const char *path)
{
	FILE *in = fopen(path, "rb");

	if (!in || fseek(in, 0, SEEK_END))
		die(path);
	f->name = strrchr(path, '/') + 1;
	f->size = (size_t)ftell(in);
	f->data = malloc(f->size + 1);
	rewind(in);
	if (fread(f->data, 1, f->size, in) != f->size)
		die(path);
	fclose(in);
}

static void stop(struct client *c)
{
	close(c->fd);
	c->fd = -1;
	running--;
}

static void fail(struct client *c, const char *why)
{
	if (wrong++ < 5)
		fprintf(stderr, "load: %s: %s\n", c->file->name, why);
	stop(c);
}

static void ask(struct client *c)
{
	if (now() >= end_ns) {
		stop(c);
		return;
	}
	c->file = c->slow ? &files[file_count - 1] : &files[c->turn++ % file_count];
	c->to_send = (size_t)snprintf(
	    c->request, sizeof(c->request), "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", c->file->name);
	c->sent = c->head_len = c->body = 0;
	c->in_body = false;
	c->asked_ns = now();
}

static void answered(struct client *c)
{
	int64_t t = now();

	if (c->slow)
		done_slow++;
	else if (t < end_ns && done_busy < LATENCIES)
		latency_ms[done_busy++] = (float)(t - c->asked_ns) / 1e6f;
	else
		done_busy++;
	ask(c);
}

/* The head is complete: does it promise the file? */
static bool good_head(struct client *c)
{
	const char *length = strcasestr(c->head, "\r\nContent-Length:");

	return !strncmp(c->head, "HTTP/1.1 200 ", 13) && length &&
	       strtoul(length + 17, NULL, 10) == c->file->size;
}

static bool take_body(struct client *c, const char *data, size_t n)
{
	if (n > c->file->size - c->body || memcmp(data, c->file->data + c->body, n))
		return false;
	c->body += n;
	return true;
}

/* What was read belongs to the head or to the body. Returns what is wrong, or null. */
static const char *take(struct client *c, const char *data, size_t n)
{
	char *end;
	size_t room = sizeof(c->head) - 1 - c->head_len, before = c->head_len;

	if (c->in_body)
		return take_body(c, data, n) ? NULL : "wrong body";
	room = n < room ? n : room;
	memcpy(c->head + before, data, room);
	c->head[c->head_len += room] = 0;
	end = strstr(c->head, "\r\n\r\n");
	if (!end)
		return c->head_len < sizeof(c->head) - 1 ? NULL : "head too long";
	c->in_body = true;
	if (!good_head(c))
		return "wrong status or length";
	n -= (size_t)(end + 4 - c->head) - before;
	return take_body(c, data + ((size_t)(end + 4 - c->head) - before), n) ? NULL : "wrong body";
}

/* One step of a client: at most `piece` bytes out or in. Returns false if it has to wait. */
static bool step(struct client *c, size_t piece)
{
	static char buf[WHOLE];
	static const int on = 1;
	ssize_t n;
	const char *bad;

	if (c->sent < c->to_send) {
		n = c->to_send - c->sent < piece ? (ssize_t)(c->to_send - c->sent) : (ssize_t)piece;
		n = send(c->fd, c->request + c->sent, c->slow ? 1 : (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
		c->sent += n > 0 ? (size_t)n : 0;
	} else {
		n = recv(c->fd, buf, piece, MSG_DONTWAIT);
		setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
		    sizeof(on)); /* head and body come in two packets */
		bad = n > 0 ? take(c, buf, (size_t)n) : n == 0 ? "connection closed" : NULL;
		if (bad) {
			fail(c, bad);
			return false;
		}
	}
	if (n < 0 && errno != EAGAIN)
		fail(c, strerror(errno));
	if (c->fd >= 0 && c->in_body && c->body == c->file->size)
		answered(c);
	return n > 0 && c->fd >= 0;
}

/* The server's queue of new connections may be short: not all at once, and never refused. */
static void connect_client(struct client *c, int port, bool slow)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = c};
	struct timeval patience = {CONNECT_S, 0};
	int small = SLOW_PIECE;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->slow = slow;
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (slow)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	if (!slow && epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event))
		die("epoll_ctl");
	running++;
	usleep(4000);
}

static void step_slow(struct client *clients, unsigned n)
{
	int64_t t = now();

	for (unsigned i = 0; i < n; i++)
		if (clients[i].slow && clients[i].fd >= 0 && t >= clients[i].step_ns) {
			clients[i].step_ns = t + SLOW_STEP_MS * 1000000ll;
			step(&clients[i], SLOW_PIECE);
		}
}

static void serve_events(void)
{
	struct epoll_event events[64];
	int n = epoll_wait(poller, events, 64, 3);

	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		while (c->fd >= 0 && step(c, WHOLE))
			;
	}
}

static int by_value(const void *a, const void *b)
{
	return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

static void report(double seconds, long in_time)
{
	qsort(latency_ms, (size_t)in_time, sizeof(*latency_ms), by_value);
	printf("requests_per_s %.1f\nanswers %ld\nslow_answers %ld\nwrong %ld\nmedian_ms %.3f\np99_ms %.3f\n",
	    (double)in_time / seconds, done_busy + done_slow, done_slow, wrong,
	    in_time ? latency_ms[in_time / 2] : 0, in_time ? latency_ms[in_time * 99 / 100] : 0);
}

/* Everybody asks at once; then until the last answer, or until the time for that is up. Returns the answers in time. */
static long drive(struct client *clients, unsigned n)
{
	long in_time = -1;

	for (unsigned i = 0; i < n; i++) {
		ask(&clients[i]);
		while (!clients[i].slow && clients[i].fd >= 0 && step(&clients[i], WHOLE))
			;
	}
	while (running && now() < end_ns + GRACE_S * 1000000000ll) {
		serve_events();
		step_slow(clients, n);
		if (in_time < 0 && now() >= end_ns)
			in_time = done_busy;
	}
	for (unsigned i = 0; i < n; i++)
		if (clients[i].fd >= 0)
			fail(&clients[i], "no answer");
	return in_time < 0 ? done_busy : in_time;
}

int main(int argc, char **argv)
{
	unsigned busy, all;
	struct client *clients;

	if (argc < 6)
		return fputs("usage: load PORT SECONDS BUSY SLOW FILE...\n", stderr), 2;
	busy = (unsigned)atoi(argv[3]);
	all = busy + (unsigned)atoi(argv[4]);
	file_count = (unsigned)argc - 5;
	files = calloc(file_count, sizeof(*files));
	clients = calloc(all, sizeof(*clients));
	latency_ms = calloc(LATENCIES, sizeof(*latency_ms));
	poller = epoll_create1(0);
	for (unsigned i = 0; i < file_count; i++)
		load_file(&files[i], argv[5 + i]);
	for (unsigned i = 0; i < all; i++)
		connect_client(&clients[i], atoi(argv[1]), i >= busy);
	end_ns = now() + (int64_t)(atof(argv[2]) * 1e9);
	report(atof(argv[2]), drive(clients, all));
	return wrong != 0;
}
