/*
 * A connection's life: one request after the other.
 */
#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static struct vv_http_config with_defaults(const struct vv_http_config *c)
{
	struct vv_http_config d = *c;

	d.head_most = d.head_most ? d.head_most : 16 * 1024;
	d.target_most = d.target_most ? d.target_most : 8 * 1024;
	d.body_most = d.body_most ? d.body_most : 1 << 20;
	d.head_ns = d.head_ns ? d.head_ns : VV_S(30);
	d.idle_ns = d.idle_ns ? d.idle_ns : VV_S(60);
	return d;
}

API const char *vv_http_remote(struct vv_http *x)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;

	if (x->remote[0] || getpeername(x->fd, (struct sockaddr *)&a, &len) < 0)
		return x->remote;
	if (a.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, x->remote, sizeof x->remote);
	else if (a.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, x->remote, sizeof x->remote);
	return x->remote;
}

static struct vv_http *make(int fd, const struct vv_http_config *config)
{
	struct vv_http *x = malloc(sizeof *x);
	struct timeval idle;

	if (!x)
		return NULL;
	x->config = config;
	x->limits = with_defaults(config);
	x->fd = fd;
	x->path = NULL;
	x->pos = x->end = 0;
	x->remote[0] = 0;
	x->taken_over = false;
	x->size = x->limits.head_most + WINDOW;
	x->in = malloc(x->size);
	idle = (struct timeval){x->limits.idle_ns / 1000000000, x->limits.idle_ns % 1000000000 / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
	return x;
}

static void unmake(void *connection)
{
	struct vv_http *x = connection;

	free(x->path);
	free(x->in);
	free(x);
}

static void reset(struct vv_http *x)
{
	free(x->path);
	x->path = x->target = x->body = NULL;
	x->target_n = x->body_n = x->body_total = x->extra_n = 0;
	x->nheaders = x->wrong = 0;
	x->in_value = x->head_done = x->message_done = x->expects = false;
	x->begun = x->chunked = x->keep_alive = false;
}

/* True if there may be another request. */
static bool one_request(struct vv_http *x)
{
	reset(x);
	if (vv__http_head(x) < 0) {
		if (x->wrong)
			vv__http_refuse(x, x->wrong);
		return false;
	}
	x->keep_alive = http_should_keep_alive(&x->parser);
	x->config->handle(x, x->config->arg);
	if (x->taken_over)
		return false;
	if (!x->begun && x->wrong) {
		vv__http_refuse(x, x->wrong);
		return false;
	}
	return vv__http_end(x) == 0 && x->keep_alive && vv__http_skip_body(x) == 0;
}

API void vv_http_serve(int fd, void *config)
{
	struct vv_http *x = make(fd, config);

	if (!x)
		return;
	pthread_cleanup_push(unmake, x);
	while (x->in && one_request(x))
		;
	pthread_cleanup_pop(1);
}
