/*
 * WebSockets: the handshake, and messages by libwslay. One greenlet receives, any may send; a lock keeps their frames
 * apart. libwslay reads until it would block: it is given what is there once, and told so the second time.
 */
#include "http.h"

#include <strings.h>
#include <wslay/wslay.h>

struct message {
	struct message *next;
	char *text;
	size_t n;
	int binary;
};

struct vv_ws {
	struct vv_http *x;
	wslay_event_context_ptr ctx;
	struct vv_lock *sending;
	struct message *first, *last;
	bool fed; /* the one read of this turn is done */
	bool gone;
};

/* ---- the key: SHA-1 (RFC 3174) and base 64 of a short text ---- */

static uint32_t roll(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t *h, const unsigned char *block)
{
	uint32_t w[80], v[5], f, k, t;

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
		       block[4 * i + 3];
	for (int i = 16; i < 80; i++)
		w[i] = roll(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, h, sizeof v);
	for (int i = 0; i < 80; i++) {
		f = i < 20		? (v[1] & v[2]) | (~v[1] & v[3])
		    : i < 40 || i >= 60 ? v[1] ^ v[2] ^ v[3]
					: (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3]);
		k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
		t = roll(v[0], 5) + f + v[4] + k + w[i];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = roll(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (int i = 0; i < 5; i++)
		h[i] += v[i];
}

/* Of at most 119 bytes: two blocks. */
static void sha1(const char *text, unsigned char digest[20])
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	unsigned char blocks[128] = {0};
	size_t n = strlen(text), size = n < 56 ? 64 : 128;

	memcpy(blocks, text, n);
	blocks[n] = 0x80;
	blocks[size - 2] = n * 8 >> 8;
	blocks[size - 1] = n * 8;
	for (size_t i = 0; i < size; i += 64)
		sha1_block(h, blocks + i);
	for (int i = 0; i < 20; i++)
		digest[i] = h[i / 4] >> (24 - 8 * (i % 4));
}

static void base64(const unsigned char *from, int n, char *to)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int i = 0; i < n; i += 3, to += 4) {
		uint32_t v =
		    from[i] << 16 | (i + 1 < n ? from[i + 1] << 8 : 0) | (i + 2 < n ? from[i + 2] : 0);

		to[0] = set[v >> 18];
		to[1] = set[v >> 12 & 63];
		to[2] = i + 1 < n ? set[v >> 6 & 63] : '=';
		to[3] = i + 2 < n ? set[v & 63] : '=';
	}
	*to = 0;
}

/* ---- the handshake ---- */

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && *p; p += strcspn(p, ",")) {
		p += strspn(p, ", \t");
		if (!strncasecmp(p, word, n) && strchr(", \t", p[n]))
			return true;
	}
	return false;
}

static int check(struct vv_http *x)
{
	const char *version = vv_http_header(x, "Sec-WebSocket-Version"),
		   *key = vv_http_header(x, "Sec-WebSocket-Key");

	if (x->parser.method != HTTP_GET || !has_word(vv_http_header(x, "Upgrade"), "websocket") ||
	    !has_word(vv_http_header(x, "Connection"), "upgrade") || !key || strlen(key) != 24)
		return 400;
	return version && !strcmp(version, "13") ? 0 : 426;
}

static int shake_hands(struct vv_http *x)
{
	char text[128], answer[32];
	unsigned char digest[20];
	struct iovec part = {text, 0};

	snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	    vv_http_header(x, "Sec-WebSocket-Key"));
	sha1(text, digest);
	base64(digest, sizeof digest, answer);
	part.iov_len = snprintf(text, sizeof text,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	x->begun = true;
	if (vv__http_send(x, &part, 1) < 0)
		return -EPIPE;
	part.iov_len = snprintf(text, sizeof text, "%s\r\n\r\n", answer);
	return vv__http_send(x, &part, 1);
}

/* ---- libwslay's callbacks ---- */

static size_t take_leftover(struct vv_http *x, uint8_t *to, size_t n)
{
	size_t left = x->end - x->pos;

	n = n < left ? n : left;
	memcpy(to, x->in + x->pos, n);
	x->pos += n;
	return n;
}

static ssize_t receive(wslay_event_context_ptr ctx, uint8_t *to, size_t n, int flags, void *socket)
{
	struct vv_ws *ws = socket;
	ssize_t got = (ssize_t)take_leftover(ws->x, to, n);

	if (got > 0) {
		ws->fed = true;
		return got;
	}
	if (ws->fed) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	ws->fed = true;
	do
		got = recv(ws->x->fd, to, n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return got;
	ws->gone = true;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t transmit(wslay_event_context_ptr ctx, const uint8_t *from, size_t n, int flags, void *socket)
{
	struct vv_ws *ws = socket;
	ssize_t sent;

	do
		sent = send(ws->x->fd, from, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return sent;
	ws->gone = true;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void arrived(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *socket)
{
	struct vv_ws *ws = socket;
	struct message *m;

	if (wslay_is_ctrl_frame(arg->opcode))
		return;
	m = calloc(1, sizeof *m);
	if (m)
		m->text = malloc(arg->msg_length + 1);
	if (!m || !m->text) {
		free(m);
		return;
	}
	memcpy(m->text, arg->msg, arg->msg_length);
	m->text[arg->msg_length] = 0;
	m->n = arg->msg_length;
	m->binary = arg->opcode == WSLAY_BINARY_FRAME;
	if (ws->last)
		ws->last->next = m;
	else
		ws->first = m;
	ws->last = m;
}

/* ---- life ---- */

static void refuse(struct vv_http *x, int status)
{
	if (status == 426) {
		vv_http_add_header(x, "Upgrade", "websocket");
		vv_http_add_header(x, "Sec-WebSocket-Version", "13");
	}
	vv_http_reply(x, status, NULL, NULL, 0);
	errno = EPROTO;
}

static struct vv_ws *make(struct vv_http *x)
{
	static const struct wslay_event_callbacks callbacks = {
	    receive, transmit, NULL, NULL, NULL, NULL, arrived};
	struct vv_ws *ws = calloc(1, sizeof *ws);

	if (!ws)
		return NULL;
	ws->x = x;
	ws->sending = vv_lock_new();
	if (ws->sending && wslay_event_context_server_init(&ws->ctx, &callbacks, ws) == 0) {
		wslay_event_config_set_max_recv_msg_length(ws->ctx, x->limits.body_most);
		return ws;
	}
	vv_ws_free(ws);
	errno = ENOMEM;
	return NULL;
}

API struct vv_ws *vv_http_websocket(struct vv_http *x)
{
	struct vv_ws *ws;
	struct timeval none = {0, 0};
	int status = check(x);

	if (status) {
		refuse(x, status);
		return NULL;
	}
	/* the parser still has to pass the end of the head, to know where the frames begin */
	vv__http_next(x);
	ws = make(x);
	if (!ws)
		return NULL;
	if (shake_hands(x) < 0) {
		vv_ws_free(ws);
		errno = EPIPE;
		return NULL;
	}
	x->taken_over = true;
	setsockopt(x->fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
	return ws;
}

API int vv_ws_free(struct vv_ws *ws)
{
	struct message *m;

	if (!ws)
		return 0;
	while ((m = ws->first)) {
		ws->first = m->next;
		free(m->text);
		free(m);
	}
	if (ws->ctx)
		wslay_event_context_free(ws->ctx);
	vv_lock_free(ws->sending);
	free(ws);
	return 0;
}

/* ---- messages ---- */

static int flush(struct vv_ws *ws)
{
	int r = vv_lock_acquire(ws->sending, VV_FOREVER);

	if (r < 0)
		return r;
	if (wslay_event_send(ws->ctx) != 0)
		ws->gone = true;
	vv_lock_release(ws->sending);
	return ws->gone ? -EPIPE : 0;
}

static int why_closed(struct vv_ws *ws)
{
	switch (wslay_event_get_status_code_sent(ws->ctx)) {
	case WSLAY_CODE_MESSAGE_TOO_BIG:
		return -EMSGSIZE;
	case WSLAY_CODE_PROTOCOL_ERROR:
	case WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA:
		return -EBADMSG;
	default:
		return -EPIPE;
	}
}

API long vv_ws_receive(struct vv_ws *ws, char **message, int *binary, int64_t timeout_ns)
{
	struct message *m;
	long n;
	int r;

	while (!ws->first) {
		if (ws->gone || wslay_event_get_close_received(ws->ctx) || !wslay_event_want_read(ws->ctx))
			return why_closed(ws);
		if (timeout_ns != VV_FOREVER && ws->x->pos == ws->x->end &&
		    (r = vv_wait_read(ws->x->fd, timeout_ns)) < 0)
			return r == -EAGAIN ? -ETIMEDOUT : r;
		ws->fed = false;
		r = wslay_event_recv(ws->ctx);
		if (wslay_event_want_write(ws->ctx))
			flush(ws);
		if (r != 0 && !ws->first)
			return why_closed(ws);
	}
	m = ws->first;
	ws->first = m->next;
	if (!ws->first)
		ws->last = NULL;
	*message = m->text;
	if (binary)
		*binary = m->binary;
	n = (long)m->n;
	free(m);
	return n;
}

API int vv_ws_send(struct vv_ws *ws, const void *message, size_t n, int binary)
{
	struct wslay_event_msg m = {
	    .opcode = binary ? WSLAY_BINARY_FRAME : WSLAY_TEXT_FRAME, .msg = message, .msg_length = n};

	if (ws->gone || wslay_event_queue_msg(ws->ctx, &m) != 0)
		return -EPIPE;
	return flush(ws);
}

API int vv_ws_close(struct vv_ws *ws, int code)
{
	if (ws->gone || wslay_event_queue_close(ws->ctx, (uint16_t)code, NULL, 0) != 0)
		return -EPIPE;
	return flush(ws);
}
