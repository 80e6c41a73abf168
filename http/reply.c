/*
 * Writing replies. A whole one goes out with one system call; a streamed one in chunks, or to an HTTP/1.0 client until
 * the connection closes.
 */
#include "http.h"

#include <sys/uio.h>
#include <time.h>

static const char *phrase(int status)
{
	switch (status) {
#define STATUS(number, name, string)                                                                         \
	case number:                                                                                         \
		return #string;
		HTTP_STATUS_MAP(STATUS)
#undef STATUS
	}
	return "Unknown";
}

int vv__http_send(struct vv_http *x, const struct iovec *parts, int n)
{
	struct iovec left[4];
	struct msghdr m = {.msg_iov = left, .msg_iovlen = n};
	ssize_t sent;

	memcpy(left, parts, n * sizeof *left);
	while (m.msg_iovlen) {
		sent = sendmsg(x->fd, &m, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			x->keep_alive = false;
			return -errno;
		}
		while (m.msg_iovlen && (size_t)sent >= m.msg_iov->iov_len) {
			sent -= m.msg_iov++->iov_len;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + sent;
			m.msg_iov->iov_len -= sent;
		}
	}
	return 0;
}

/* The present date, made once a second. */
static const char *date(void)
{
	static char text[40];
	static time_t made;
	time_t now = time(NULL);
	struct tm tm;

	if (now != made) {
		strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
		made = now;
	}
	return text;
}

static bool has_no_body(const struct vv_http *x, int status)
{
	return x->parser.method == HTTP_HEAD || status == 204 || status == 304 || status < 200;
}

enum { HEAD_BYTES = 512 + EXTRA_BYTES };

/* The head of a reply; length < 0: not known. */
static size_t make_head(struct vv_http *x, char *to, int status, const char *type, long length)
{
	size_t n = snprintf(to, HEAD_BYTES, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, phrase(status), date());

	if (type)
		n += snprintf(to + n, HEAD_BYTES - n, "Content-Type: %.128s\r\n", type);
	if (length >= 0 && status != 204 && status >= 200)
		n += snprintf(to + n, HEAD_BYTES - n, "Content-Length: %ld\r\n", length);
	else if (x->chunked)
		n += snprintf(to + n, HEAD_BYTES - n, "Transfer-Encoding: chunked\r\n");
	if (!x->keep_alive)
		n += snprintf(to + n, HEAD_BYTES - n, "Connection: close\r\n");
	else if (x->parser.http_minor == 0)
		n += snprintf(to + n, HEAD_BYTES - n, "Connection: keep-alive\r\n");
	memcpy(to + n, x->extra, x->extra_n);
	n += x->extra_n;
	memcpy(to + n, "\r\n", 2);
	return n + 2;
}

API int vv_http_add_header(struct vv_http *x, const char *name, const char *value)
{
	size_t room = sizeof x->extra - x->extra_n;
	int n;

	if (x->begun)
		return -EALREADY;
	if (strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n"))
		return -EINVAL;
	n = snprintf(x->extra + x->extra_n, room, "%s: %s\r\n", name, value);
	if (n < 0 || (size_t)n >= room)
		return -E2BIG;
	x->extra_n += n;
	return 0;
}

API int vv_http_reply(struct vv_http *x, int status, const char *type, const void *body, size_t n)
{
	char head[HEAD_BYTES];
	struct iovec parts[2] = {{head, 0}, {(void *)body, n}};

	if (x->begun)
		return -EALREADY;
	x->begun = true;
	parts[0].iov_len = make_head(x, head, status, type, (long)n);
	return vv__http_send(x, parts, n && !has_no_body(x, status) ? 2 : 1);
}

API int vv_http_begin(struct vv_http *x, int status, const char *type)
{
	char head[HEAD_BYTES];
	struct iovec part = {head, 0};

	if (x->begun)
		return -EALREADY;
	x->begun = true;
	x->chunked = x->parser.http_minor > 0 && !has_no_body(x, status);
	if (!x->chunked && !has_no_body(x, status))
		x->keep_alive = false;
	part.iov_len = make_head(x, head, status, type, -1);
	return vv__http_send(x, &part, 1);
}

API int vv_http_write(struct vv_http *x, const void *data, size_t n)
{
	char size[24];
	struct iovec parts[3] = {{size, 0}, {(void *)data, n}, {"\r\n", 2}};

	if (!x->begun)
		return -EINVAL;
	if (!n || x->parser.method == HTTP_HEAD)
		return 0;
	if (!x->chunked)
		return vv__http_send(x, &parts[1], 1);
	parts[0].iov_len = snprintf(size, sizeof size, "%zx\r\n", n);
	return vv__http_send(x, parts, 3);
}

/* The handler has returned. */
int vv__http_end(struct vv_http *x)
{
	struct iovec last = {"0\r\n\r\n", 5};

	if (!x->begun)
		return vv_http_reply(x, x->wrong ? x->wrong : 500, NULL, NULL, 0);
	return x->chunked ? vv__http_send(x, &last, 1) : 0;
}

/* Refuse, and see to it that the peer can read the answer: closing with unread bytes would reset the connection. */
void vv__http_refuse(struct vv_http *x, int status)
{
	enum { LINGER_MS = 500, LINGER_READS = 64 };
	struct timeval patience = {0, LINGER_MS * 1000};
	char text[64], rest[4096];
	int n = snprintf(text, sizeof text, "%d %s\n", status, phrase(status));

	x->keep_alive = false;
	x->extra_n = 0;
	if (vv_http_reply(x, status, "text/plain", text, n) < 0)
		return;
	shutdown(x->fd, SHUT_WR);
	setsockopt(x->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	for (int i = 0; i < LINGER_READS && recv(x->fd, rest, sizeof rest, 0) > 0; i++)
		;
}
