/*
 * Stream servers: a greenlet that accepts, and one for each connection.
 *
 * The listening socket is the server's own and non-blocking, so the kernel is asked directly. When descriptors or memory
 * run out, accepting pauses for a while, twice as long each time.
 */
#include "api.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_LEAST VV_MS(10)
#define PAUSE_MOST VV_S(1)

struct vv_server {
	struct vv__object object;
	int fd;
	void (*handle)(int fd, void *arg);
	void *arg;
	struct vv_group *connections;
	struct vv_greenlet *acceptor;
	struct vv_event *stopped;
};

static struct vv__slab servers = {.size = sizeof(struct vv_server)};

/* ---- the socket ---- */

static int listen_on(int family, const struct sockaddr *address, socklen_t len, int backlog)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, address, len) == 0 && listen(fd, backlog) == 0)
		return fd;
	on = -errno;
	close(fd);
	return on;
}

static int listen_unix(const char *path, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	return listen_on(AF_UNIX, (struct sockaddr *)&address, sizeof address, backlog);
}

static int listen_tcp(const char *host, int port, int backlog)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
	char service[16];
	int r;

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	r = -EADDRNOTAVAIL;
	for (struct addrinfo *a = found; a && r < 0; a = a->ai_next)
		r = listen_on(a->ai_family, a->ai_addr, a->ai_addrlen, backlog);
	freeaddrinfo(found);
	return r;
}

/* ---- accepting ---- */

struct connection {
	struct vv_server *server;
	int fd;
};

static void close_connection(void *fd)
{
	close((int)(long)fd);
}

static void *serve_one(void *connection)
{
	struct connection c = *(struct connection *)connection;

	pthread_cleanup_push(close_connection, (void *)(long)c.fd);
	c.server->handle(c.fd, c.server->arg);
	pthread_cleanup_pop(1);
	return NULL;
}

/* True for what has to do with one connection only, or is over when somebody closes something. */
static bool passes(long error)
{
	switch (error) {
	case -ECONNABORTED:
	case -EINTR:
	case -EPROTO:
	case -EPERM:
	case -ENETDOWN:
	case -ENOPROTOOPT:
	case -EHOSTDOWN:
	case -ENONET:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static bool is_shortage(long error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

struct newcomer {
	struct vv_greenlet *greenlet;
	int fd;
};

/* Killed while it waited for room. */
static void turn_away(void *newcomer)
{
	struct newcomer *n = newcomer;

	close(n->fd);
	vv_greenlet_free(n->greenlet);
}

static int hand_on(struct vv_server *s, int fd)
{
	struct connection c = {s, fd};
	struct newcomer n = {vv_greenlet_new_with(serve_one, &c, sizeof c), fd};
	int on = 1, r = -ENOMEM;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	pthread_cleanup_push(turn_away, &n);
	if (n.greenlet)
		r = vv_group_add(s->connections, n.greenlet, VV_FOREVER);
	pthread_cleanup_pop(0);
	if (r == 0)
		vv_greenlet_start(n.greenlet);
	else
		close(fd);
	vv_greenlet_free(n.greenlet);
	return r;
}

static int accept_one(struct vv_server *s, int64_t *pause)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0) {
		*pause = PAUSE_LEAST;
		return hand_on(s, fd);
	}
	fd = -errno;
	if (fd == -EAGAIN)
		return vv_wait_read(s->fd, VV_FOREVER);
	if (passes(fd))
		return 0;
	if (!is_shortage(fd))
		return fd;
	vv_sleep(*pause);
	*pause = *pause * 2 > PAUSE_MOST ? PAUSE_MOST : *pause * 2;
	return 0;
}

static void *accept_all(void *server)
{
	struct vv_server *s = server;
	int64_t pause = PAUSE_LEAST;
	int r;

	do
		r = accept_one(s, &pause);
	while (r == 0 || r == -ENOMEM);
	return NULL;
}

/* ---- life ---- */

static void give_up(struct vv_server *s)
{
	struct vv_greenlet *me;

	if (s->fd >= 0)
		close(s->fd);
	vv_greenlet_free(s->acceptor);
	vv_group_free(s->connections);
	vv_event_free(s->stopped);
	me = vv__begin();
	vv__retire(&s->object);
	vv__end(me);
}

API struct vv_server *vv_server_new_fd(int fd, unsigned most, void (*handle)(int, void *), void *arg)
{
	struct vv_server *s;
	int listens;
	socklen_t n = sizeof listens;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n))
		return NULL;
	errno = EINVAL;
	s = listens ? vv__new(&servers, VV__T_SERVER) : NULL;
	if (!s)
		return NULL;
	s->fd = -1;
	s->handle = handle;
	s->arg = arg;
	s->connections = most ? vv_pool_new(most) : vv_group_new();
	s->stopped = vv_event_new();
	if (s->connections && s->stopped) {
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		s->fd = fd;
		return s;
	}
	give_up(s);
	errno = ENOMEM;
	return NULL;
}

API struct vv_server *vv_server_new(
    const char *host, int port, unsigned most, void (*handle)(int, void *), void *arg)
{
	enum { BACKLOG = 1024 };
	struct vv_server *s;
	int fd = -EINVAL, error;

	if (host && host[0] == '/')
		fd = listen_unix(host, BACKLOG);
	else if (port >= 0 && port <= UINT16_MAX)
		fd = listen_tcp(host, port, BACKLOG);
	s = fd < 0 ? NULL : vv_server_new_fd(fd, most, handle, arg);
	if (s)
		return s;
	error = fd < 0 ? -fd : errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return NULL;
}

API int vv_server_start(struct vv_server *s)
{
	if (!vv__is(s, VV__T_SERVER))
		return -EBADF;
	if (s->acceptor || vv_event_is_set(s->stopped))
		return -EALREADY;
	s->acceptor = vv_spawn(accept_all, s);
	return s->acceptor ? 0 : -ENOMEM;
}

API int vv_server_serve(struct vv_server *s)
{
	int r = vv_server_start(s);

	return r == 0 || r == -EALREADY ? vv_event_wait(s->stopped, VV_FOREVER) : r;
}

API int vv_server_stop(struct vv_server *s, int64_t timeout_ns)
{
	int r;

	if (!vv__is(s, VV__T_SERVER))
		return -EBADF;
	if (s->acceptor)
		vv_kill(s->acceptor, VV_FOREVER);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	r = vv_group_join(s->connections, timeout_ns);
	if (r == -ETIMEDOUT || r == -EAGAIN)
		r = vv_group_kill(s->connections, VV_FOREVER);
	vv_event_set(s->stopped);
	return r;
}

API int vv_server_free(struct vv_server *s)
{
	int r;

	if (!vv__is(s, VV__T_SERVER))
		return s ? -EBADF : 0;
	r = vv_server_stop(s, 0);
	if (r == 0)
		give_up(s);
	return r;
}

API int vv_server_port(struct vv_server *s)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;

	if (!vv__is(s, VV__T_SERVER) || getsockname(s->fd, (struct sockaddr *)&address, &len) < 0)
		return -EBADF;
	return address.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&address)->sin_port)
	       : address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
					       : 0;
}

API int vv_server_connections(struct vv_server *s)
{
	return vv__is(s, VV__T_SERVER) ? vv_group_size(s->connections) : -EBADF;
}
