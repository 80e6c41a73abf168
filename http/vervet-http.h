/*
 * An HTTP/1.1 server and WebSockets on Vervet's greenlets. Link with -lvervet-http -lvervet.
 *
 *	static void hello(struct vv_http *x, void *unused)
 *	{
 *		vv_http_reply(x, 200, "text/plain", "Hello\n", 6);
 *	}
 *
 *	int main(void)
 *	{
 *		struct vv_http_config config = {.handle = hello};
 *		return vv_server_serve(vv_server_new(NULL, 8000, 0, vv_http_serve, &config));
 *	}
 *
 * Each connection has a greenlet, which calls the handler for one request after the other (keep-alive, pipelining).
 * Chunked bodies are understood both ways. What is malformed, too long or too slow never reaches the handler: 400, 408,
 * 413, 414, 417, 431, 501 or 505 is answered and the connection closed. Conventions are vervet.h's.
 */
#ifndef VERVET_HTTP_H
#define VERVET_HTTP_H

#include "vervet.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vv_http;
struct vv_ws;

/* Zero means the default. Must live as long as the server. */
struct vv_http_config {
	void (*handle)(struct vv_http *x, void *arg);
	void *arg;
	size_t head_most;   /* bytes of request line and headers: 16 KiB; else 431 */
	size_t target_most; /* bytes of the target: 8 KiB; else 414 */
	size_t body_most;   /* bytes of a body: 1 MiB; else 413 */
	int64_t head_ns;    /* for a whole head, from its first byte: 30 s; else 408 */
	int64_t idle_ns;    /* between bytes of a body, between requests: 60 s */
};

/* The handler for vv_server_new; config is a struct vv_http_config. */
void vv_http_serve(int fd, void *config);

/* ---- the request ------------------------------------------------------------------------------------ */

/* The method, the target as it came, its path (up to '?'). Valid until the handler returns. Blocks: never. */
const char *vv_http_method(struct vv_http *x);
const char *vv_http_target(struct vv_http *x);
const char *vv_http_path(struct vv_http *x);
/* The first header of this name (any case), or null; header number i in the order they came: 1, or 0 if there are fewer. */
const char *vv_http_header(struct vv_http *x, const char *name);
int vv_http_header_at(struct vv_http *x, int i, const char **name, const char **value);
/* The peer's address in figures. */
const char *vv_http_remote(struct vv_http *x);
/* Its descriptor, for those who take the connection over. */
int vv_http_fd(struct vv_http *x);

/* Read up to n bytes of the body, decoded; says 100 Continue to those who wait for it. Blocks: this greenlet.
 * Returns: how many, 0 at the end. Errors: -EMSGSIZE too long, -EBADMSG malformed or cut off, -ETIMEDOUT. */
long vv_http_read(struct vv_http *x, void *to, size_t n);
/* Read the whole body. *body is freed with free; a zero byte is behind it. Returns its size, or an error as above. */
long vv_http_read_all(struct vv_http *x, char **body);

/* ---- the reply -------------------------------------------------------------------------------------- */

/* Add a header to the reply. Before it begins. Blocks: never. Errors: -EALREADY it has begun, -EINVAL a line break,
 * -E2BIG more than 4 KiB. */
int vv_http_add_header(struct vv_http *x, const char *name, const char *value);
/* Reply with a body of n bytes, or of zero bytes and no type (null). Blocks: this greenlet. */
int vv_http_reply(struct vv_http *x, int status, const char *type, const void *body, size_t n);
/* Begin a reply and write it piece by piece, each sent at once (chunked). The handler's return ends it. */
int vv_http_begin(struct vv_http *x, int status, const char *type);
int vv_http_write(struct vv_http *x, const void *data, size_t n);

/* ---- WebSockets ------------------------------------------------------------------------------------- */

/* Accept an upgrade to a WebSocket. Blocks: this greenlet. Returns: a handle for vv_ws_free, which the handler calls.
 * Errors: EPROTO the request asks for none; 400 or 426 has been answered. */
struct vv_ws *vv_http_websocket(struct vv_http *x);
/* Wait for a message. *message is freed with free; a zero byte is behind it. *binary may be null. Pings are answered.
 * Blocks: this greenlet. Returns: its size. Errors: -EPIPE the peer has closed; -EMSGSIZE, -EBADMSG, -ETIMEDOUT. */
long vv_ws_receive(struct vv_ws *ws, char **message, int *binary, int64_t timeout_ns);
/* Send a message. Any greenlet may. Blocks: this greenlet. Errors: -EPIPE closed. */
int vv_ws_send(struct vv_ws *ws, const void *message, size_t n, int binary);
/* Say goodbye (RFC 6455's code, 1000 for all is well). Blocks: this greenlet. */
int vv_ws_close(struct vv_ws *ws, int code);
int vv_ws_free(struct vv_ws *ws);

#ifdef __cplusplus
}
#endif

#endif
