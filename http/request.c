/*
 * Reading requests: the parser's callbacks, what is refused, bodies.
 *
 * The parser is stopped after the head, after each piece of body and after the message; each call of step goes on from
 * there.
 */
#include "http.h"

#include <ctype.h>
#include <strings.h>
#include <time.h>

int64_t vv__http_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

/* ---- what the parser tells ---- */

static int refuse(struct vv_http *x, int status)
{
	if (!x->wrong)
		x->wrong = status;
	return -1;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
	struct vv_http *x = p->data;

	if (!x->target)
		x->target = (char *)at;
	x->target_n += n;
	return x->target_n > x->limits.target_most ? refuse(x, 414) : 0;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	struct vv_http *x = p->data;
	struct header *h;

	if (x->head_done) /* a trailer: nobody asks for it */
		return 0;
	if (x->in_value || !x->nheaders) {
		if (x->nheaders == HEADERS_MOST)
			return refuse(x, 431);
		h = &x->headers[x->nheaders++];
		*h = (struct header){.name = (char *)at};
		x->in_value = false;
	}
	x->headers[x->nheaders - 1].name_n += n;
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct vv_http *x = p->data;
	struct header *h = &x->headers[x->nheaders - 1];

	if (x->head_done)
		return 0;
	if (!h->value)
		h->value = (char *)at;
	h->value_n = at + n - h->value; /* a folded one goes on further down */
	x->in_value = true;
	return 0;
}

static int on_head(http_parser *p)
{
	struct vv_http *x = p->data;

	x->head_done = true;
	http_parser_pause(p, 1);
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct vv_http *x = p->data;

	x->body = (char *)at;
	x->body_n = n;
	x->body_total += n;
	http_parser_pause(p, 1);
	return x->body_total > x->limits.body_most ? refuse(x, 413) : 0;
}

static int on_end(http_parser *p)
{
	struct vv_http *x = p->data;

	x->message_done = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* An unknown method is one in capitals; what does not look like a request at all is malformed. */
static int status_of_bad_method(const struct vv_http *x)
{
	const char *p = x->in;

	while (p < x->in + x->end && *p >= 'A' && *p <= 'Z')
		p++;
	return p > x->in && p < x->in + x->end && *p == ' ' ? 501 : 400;
}

static int status_of(const struct vv_http *x, enum http_errno error)
{
	switch (error) {
	case HPE_INVALID_METHOD:
		return status_of_bad_method(x);
	case HPE_HEADER_OVERFLOW:
		return 431;
	default:
		return 400;
	}
}

/* Let the parser go on over what has been read. */
static int parse(struct vv_http *x)
{
	enum http_errno error;

	if (HTTP_PARSER_ERRNO(&x->parser) == HPE_PAUSED)
		http_parser_pause(&x->parser, 0);
	x->pos += http_parser_execute(&x->parser, &settings, x->in + x->pos, x->end - x->pos);
	error = HTTP_PARSER_ERRNO(&x->parser);
	if (error != HPE_OK && error != HPE_PAUSED)
		return refuse(x, status_of(x, error));
	return x->wrong ? -1 : 0;
}

/* ---- bytes ---- */

/* 1: some more, 0: the peer has closed, or an error. */
static int fill(struct vv_http *x)
{
	ssize_t n;

	do
		n = recv(x->fd, x->in + x->end, x->size - x->end, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	x->end += n;
	return n > 0;
}

static void move_rest_to_front(struct vv_http *x)
{
	memmove(x->in, x->in + x->pos, x->end - x->pos);
	x->end -= x->pos;
	x->pos = 0;
}

/* ---- the head ---- */

static void terminate(struct vv_http *x)
{
	for (int i = 0; i < x->nheaders; i++) {
		struct header *h = &x->headers[i];

		h->name[h->name_n] = 0;
		if (!h->value)
			h->value = h->name + h->name_n;
		while (h->value_n && strchr(" \t\r\n", h->value[h->value_n - 1]))
			h->value_n--;
		h->value[h->value_n] = 0;
	}
	if (x->target)
		x->target[x->target_n] = 0;
}

static int count(struct vv_http *x, const char *name)
{
	int n = 0;

	for (int i = 0; i < x->nheaders; i++)
		n += strcasecmp(x->headers[i].name, name) == 0;
	return n;
}

static bool is_1_1(const struct vv_http *x)
{
	return x->parser.http_major > 1 || x->parser.http_minor >= 1;
}

/* RFC 9110's token. */
static bool are_tokens(const struct vv_http *x)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (int i = 0; i < x->nheaders; i++) {
		const char *p = x->headers[i].name;

		while (isalnum((unsigned char)*p) || (*p && strchr(others, *p)))
			p++;
		if (*p || p != x->headers[i].name + x->headers[i].name_n)
			return false;
	}
	return true;
}

/* What the parser lets through and RFC 9110 and 9112 do not. */
static int check(struct vv_http *x)
{
	const char *expect = vv_http_header(x, "Expect"), *coding = vv_http_header(x, "Transfer-Encoding");

	if (x->parser.http_major != 1)
		return refuse(x, x->parser.http_major ? 505 : 400);
	if (!x->target || !are_tokens(x) || (is_1_1(x) && count(x, "Host") != 1) || count(x, "Host") > 1)
		return refuse(x, 400);
	if (coding && (!is_1_1(x) || count(x, "Content-Length")))
		return refuse(x, 400);
	if (coding && (strcasecmp(coding, "chunked") || count(x, "Transfer-Encoding") > 1))
		return refuse(x, 501);
	if (expect && strcasecmp(expect, "100-continue"))
		return refuse(x, 417);
	if (x->parser.content_length != UINT64_MAX && x->parser.content_length > x->limits.body_most)
		return refuse(x, 413);
	x->expects = expect && is_1_1(x);
	return 0;
}

static int too_long(struct vv_http *x)
{
	return refuse(x, x->nheaders ? 431 : 414);
}

/* Too slow, gone, or gone in the middle. */
static int ended_early(struct vv_http *x, int r)
{
	if (!x->end)
		return r ? r : -EPIPE;
	return refuse(x, r == -ETIMEDOUT ? 408 : 400);
}

/* Read a request's head. 0, or x->wrong is set, or an error: nothing to be said. */
int vv__http_head(struct vv_http *x)
{
	int r;

	move_rest_to_front(x);
	http_parser_init(&x->parser, HTTP_REQUEST);
	x->parser.data = x;
	x->started = x->end ? vv__http_now() : 0;
	for (;;) {
		if (x->pos < x->end && parse(x) < 0)
			return -1;
		if (x->head_done)
			break;
		if (x->end >= x->limits.head_most)
			return too_long(x);
		r = fill(x);
		if (r <= 0)
			return ended_early(x, r);
		if (!x->started)
			x->started = vv__http_now();
		else if (vv__http_now() - x->started > x->limits.head_ns)
			return refuse(x, 408);
	}
	/* the parser still wants to see the head's last byte */
	x->head = x->pos + 1;
	terminate(x);
	return check(x);
}

/* ---- the body ---- */

static int say_continue(struct vv_http *x)
{
	struct iovec line = {"HTTP/1.1 100 Continue\r\n\r\n", 25};

	x->expects = false;
	return x->begun ? 0 : vv__http_send(x, &line, 1);
}

/* Have a piece of body, or the message's end. 1, 0 at the end, or an error. */
int vv__http_next(struct vv_http *x)
{
	int r;

	while (!x->body_n && !x->message_done && !x->wrong) {
		if (x->pos < x->end) {
			if (parse(x) < 0)
				break;
			continue;
		}
		x->pos = x->end = x->head;
		r = x->expects && x->parser.content_length ? say_continue(x) : 0;
		if (r == 0 && (r = fill(x)) <= 0) {
			x->keep_alive = false;
			refuse(x, r == -ETIMEDOUT ? 408 : 400);
			return r == -ETIMEDOUT ? r : -EBADMSG;
		}
	}
	if (x->wrong) {
		x->keep_alive = false;
		return x->wrong == 413 ? -EMSGSIZE : -EBADMSG;
	}
	return x->body_n > 0;
}

API long vv_http_read(struct vv_http *x, void *to, size_t n)
{
	int r = vv__http_next(x);

	if (r <= 0)
		return r;
	n = n < x->body_n ? n : x->body_n;
	memcpy(to, x->body, n);
	x->body += n;
	x->body_n -= n;
	return (long)n;
}

API long vv_http_read_all(struct vv_http *x, char **body)
{
	size_t room = 1024, n = 0;
	char *text = malloc(room), *more;
	long r = text ? 1 : -ENOMEM;

	while (r > 0 && (r = vv_http_read(x, text + n, room - n - 1)) > 0) {
		n += r;
		if (room - n > 1)
			continue;
		more = realloc(text, room *= 2);
		if (!more)
			r = -ENOMEM;
		else
			text = more;
	}
	if (r < 0) {
		free(text);
		return r;
	}
	text[n] = 0;
	*body = text;
	return (long)n;
}

/* What the handler left. 0, or an error: the connection is of no use any more. */
int vv__http_skip_body(struct vv_http *x)
{
	int r;

	if (x->expects && x->parser.content_length && !x->message_done)
		return -EPIPE; /* it was never sent */
	do
		x->body_n = 0;
	while ((r = vv__http_next(x)) > 0);
	return r;
}

/* ---- what it says ---- */

API const char *vv_http_method(struct vv_http *x)
{
	return http_method_str(x->parser.method);
}

API const char *vv_http_target(struct vv_http *x)
{
	return x->target;
}

API const char *vv_http_path(struct vv_http *x)
{
	if (!x->path) {
		x->path = strdup(x->target);
		if (x->path)
			x->path[strcspn(x->path, "?")] = 0;
	}
	return x->path;
}

API const char *vv_http_header(struct vv_http *x, const char *name)
{
	for (int i = 0; i < x->nheaders; i++)
		if (strcasecmp(x->headers[i].name, name) == 0)
			return x->headers[i].value;
	return NULL;
}

API int vv_http_header_at(struct vv_http *x, int i, const char **name, const char **value)
{
	if (i < 0 || i >= x->nheaders)
		return 0;
	*name = x->headers[i].name;
	*value = x->headers[i].value;
	return 1;
}

API int vv_http_fd(struct vv_http *x)
{
	return x->fd;
}
