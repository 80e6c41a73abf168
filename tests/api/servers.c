/* Actors and stream servers: every error that the header promises, and a server's whole life. */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- actors ---- */

static long sum;

static void add(struct vv_actor *self, void *message, void *unused)
{
	sum += (long)message;
}

static void break_down(struct vv_actor *self, void *message, void *unused)
{
	vv_fail(EIO, "broken");
}

static void free_itself(struct vv_actor *self, void *message, void *result)
{
	*(int *)result = vv_actor_free(self);
}

static void say_nothing(struct vv_greenlet *g, int error, const char *message)
{
}

static void a_stopped_actor_deals_with_what_it_has(void)
{
	struct vv_actor *a = vv_actor_new(add, NULL);

	expect(
	    vv_actor_send(a, (void *)1) == 0 && vv_actor_start(a) == 0 && vv_actor_send(a, (void *)2) == 0);
	expect(vv_actor_stop(a) == 0 && vv_actor_send(a, (void *)4) == -EPIPE);
	expect(vv_join(vv_actor_greenlet(a), VV_S(5)) == 0 && sum == 3);
	expect(vv_actor_free(a) == 0 && vv_actor_free(a) == -EBADF && vv_actor_free(NULL) == 0);
	expect(vv_actor_send(a, NULL) == -EBADF && vv_actor_stop(NULL) == -EBADF);
}

static void an_ended_actor_takes_nothing(void)
{
	struct vv_actor *a = vv_actor_new(break_down, NULL);

	vv_on_error(say_nothing);
	expect(vv_actor_start(a) == 0 && vv_actor_send(a, NULL) == 0);
	expect(vv_get(vv_actor_greenlet(a), NULL, VV_S(5)) == -EIO);
	expect(vv_actor_send(a, NULL) == -EPIPE);
	expect(vv_actor_free(a) == 0);
	vv_on_error(NULL);
}

static void an_actor_cannot_free_itself(void)
{
	int result = 0;
	struct vv_actor *a = vv_actor_new(free_itself, &result);

	expect(vv_actor_start(a) == 0 && vv_actor_send(a, NULL) == 0);
	vv_yield();
	expect(result == -EDEADLK && vv_actor_free(a) == 0);
}

/* ---- servers ---- */

static int late;

/* Echoes for as long as the time-out lets it. */
static void echo(int fd, void *limit)
{
	struct vv_timeout *t = vv_timeout_start(*(int64_t *)limit, 0);
	char text[64];
	ssize_t n;

	while ((n = read(fd, text, sizeof text)) > 0)
		expect(write(fd, text, n) == n);
	late += n < 0 && errno == ETIME;
	vv_timeout_free(t);
}

static int dial(int port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	close(fd);
	return -1;
}

static void *client(void *port)
{
	int fd = dial((int)(long)port);
	char text[8];

	expect(fd >= 0 && write(fd, "hello", 5) == 5);
	expect(read(fd, text, sizeof text) == 5 && memcmp(text, "hello", 5) == 0);
	close(fd);
	return NULL;
}

static void a_server_stops_when_its_connections_have_ended(void)
{
	int64_t limit = VV_MS(200);
	struct vv_server *s = vv_server_new("127.0.0.1", 0, 4, echo, &limit);
	int port = vv_server_port(s), idle;
	char text[1] = {'x'};
	struct vv_group *clients = vv_group_new();
	void *ports[20];

	for (int i = 0; i < 20; i++)
		ports[i] = (void *)(long)port;
	expect(vv_server_start(s) == 0 && vv_server_start(s) == -EALREADY);
	expect(vv_group_map(clients, client, ports, 20, NULL) == 0);
	idle = dial(port);
	expect(write(idle, text, 1) == 1 && read(idle, text, 1) == 1);
	expect(vv_server_stop(s, VV_S(10)) == 0 && late == 1 && vv_server_connections(s) == 0);
	expect(dial(port) == -1 && vv_server_start(s) == -EALREADY && vv_server_serve(s) == 0);
	expect(vv_server_free(s) == 0 && vv_server_free(s) == -EBADF && vv_server_free(NULL) == 0);
	close(idle);
	vv_group_free(clients);
}

static void fails(struct vv_server *s, int error)
{
	int got = errno;

	expect(!s);
	if (got != error)
		printf("%s, not %s\n", strerror(got), strerror(error));
	expect(got == error);
}

static void a_server_that_cannot_be(void)
{
	struct vv_server *first = vv_server_new("127.0.0.1", 0, 0, echo, NULL);
	int plain = socket(AF_INET, SOCK_STREAM, 0);

	fails(vv_server_new("127.0.0.1", vv_server_port(first), 0, echo, NULL), EADDRINUSE);
	fails(vv_server_new("127.0.0.1", 65536, 0, echo, NULL), EINVAL);
	fails(vv_server_new("127.0.0.1", -1, 0, echo, NULL), EINVAL);
	fails(vv_server_new("999.999.999.999", 0, 0, echo, NULL), EADDRNOTAVAIL);
	fails(vv_server_new("/no/such/directory/socket", 0, 0, echo, NULL), ENOENT);
	fails(vv_server_new_fd(-1, 0, echo, NULL), EBADF);
	fails(vv_server_new_fd(plain, 0, echo, NULL), EINVAL);
	expect(close(plain) == 0);
	plain = open("/dev/null", O_RDONLY);
	fails(vv_server_new_fd(plain, 0, echo, NULL), ENOTSOCK);
	expect(close(plain) == 0 && vv_server_free(first) == 0);
}

static void words_that_mean_nothing(void)
{
	errno = 0;
	expect(vv_queue_new((enum vv_queue_kind)9, 0) == NULL && errno == EINVAL);
	expect(vv_patched(NULL) == -EINVAL && vv_patched("nonsense") == -EINVAL && vv_patched("socket") == 1);
}

int main(void)
{
	a_stopped_actor_deals_with_what_it_has();
	an_ended_actor_takes_nothing();
	an_actor_cannot_free_itself();
	a_server_stops_when_its_connections_have_ended();
	a_server_that_cannot_be();
	words_that_mean_nothing();
	vv_yield();
	vv_yield();
	expect(vv_objects() == 0);
	return 0;
}
