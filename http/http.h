/*
 * One connection, as the files of the HTTP server see it.
 *
 * The head of a request stays in `in` while its handler runs; strings are made in place. Body bytes lie behind it, in
 * what is left of the buffer, and make room when they have been read. Bytes behind the message are the next request's.
 */
#ifndef VV_HTTP_INTERNAL_H
#define VV_HTTP_INTERNAL_H

#include "vervet-http.h"

#include <errno.h>
#include <http_parser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

enum { HEADERS_MOST = 100, EXTRA_BYTES = 4096, WINDOW = 16 * 1024 };

struct header {
	char *name, *value;
	size_t name_n, value_n;
};

struct vv_http {
	const struct vv_http_config *config;
	struct vv_http_config limits; /* with the defaults filled in */
	int fd;
	http_parser parser;

	char *in;
	size_t size, pos, end; /* of in: parsed up to pos, filled up to end */
	size_t head;	       /* where body bytes may lie */
	char *target, *path;
	size_t target_n;
	struct header headers[HEADERS_MOST];
	int nheaders;
	bool in_value; /* the parser's last fragment was a value's */
	bool head_done, message_done;
	bool expects; /* 100 Continue */
	char *body;   /* decoded, not yet read */
	size_t body_n, body_total;
	int wrong;	 /* the status to refuse the request with, or 0 */
	int64_t started; /* when the first byte of the head came, 0: not yet */
	char remote[64];

	bool begun, chunked, keep_alive, taken_over;
	size_t extra_n;
	char extra[EXTRA_BYTES];
};

/* request.c */
int vv__http_head(struct vv_http *x);
int vv__http_next(struct vv_http *x);
int vv__http_skip_body(struct vv_http *x);
/* reply.c */
int vv__http_end(struct vv_http *x);
void vv__http_refuse(struct vv_http *x, int status);
int vv__http_send(struct vv_http *x, const struct iovec *parts, int n);
int64_t vv__http_now(void);

#endif
