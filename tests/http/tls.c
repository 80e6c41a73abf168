/* TLS: a server and 20 clients at once, a client that does not trust it, one that asks for another name, one that is no
 * TLS client at all, one that says nothing. tls CERTIFICATE KEY */
#include <vervet-tls.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define expect(x)                                                                                            \
	((x) ? (void)0                                                                                       \
	     : (fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #x, strerror(errno)),        \
		   exit(1)))

enum { CLIENTS = 20, BYTES = 300000 };

static struct vv_tls_config *trusting;
static int port, refused;

static void handle(int fd, void *config)
{
	struct vv_tls *t = vv_tls_accept(config, fd, VV_MS(300));
	static char text[4096];
	long n;

	if (!t) {
		refused++;
		return;
	}
	while ((n = vv_tls_read(t, text, sizeof text)) > 0)
		if (vv_tls_write(t, text, n) < 0)
			break;
	vv_tls_free(t);
}

static int dial(void)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	expect(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void *client(void *number)
{
	struct vv_tls *t;
	char sent[1000], got[1000];
	int fd = dial();

	t = vv_tls_connect(trusting, fd, "localhost", VV_S(20));
	expect(t);
	memset(sent, (int)(long)number, sizeof sent);
	for (int total = 0; total < BYTES; total += sizeof sent) {
		expect(vv_tls_write(t, sent, sizeof sent) == 0);
		for (long n = 0, r; n < (long)sizeof got; n += r)
			expect((r = vv_tls_read(t, got + n, sizeof got - n)) > 0);
		expect(memcmp(sent, got, sizeof got) == 0);
	}
	vv_tls_free(t);
	close(fd);
	return NULL;
}

static void refused_by_the_client(struct vv_tls_config *c, const char *host)
{
	int fd = dial();

	expect(!vv_tls_connect(c, fd, host, VV_S(20)) && errno == EPROTO);
	close(fd);
}

static void refused_by_the_server(const char *words)
{
	int fd = dial();
	char c[100];

	expect(send(fd, words, strlen(words), 0) == (ssize_t)strlen(words));
	while (recv(fd, c, sizeof c, 0) > 0)
		;
	close(fd);
}

int main(int argc, char **argv)
{
	struct vv_tls_config *config = vv_tls_server(argv[1], argv[2]), *suspicious = vv_tls_client(NULL);
	struct vv_server *server = vv_server_new("127.0.0.1", 0, 0, handle, config);
	struct vv_greenlet *gs[CLIENTS];

	expect(config && suspicious && server && !vv_tls_server(argv[2], argv[2]) && errno == EINVAL);
	expect((trusting = vv_tls_client(argv[1])));
	vv_server_start(server);
	port = vv_server_port(server);
	for (long i = 0; i < CLIENTS; i++)
		gs[i] = vv_spawn(client, (void *)i);
	expect(vv_joinall(gs, CLIENTS, 0, VV_FOREVER, NULL) == CLIENTS);
	refused_by_the_client(suspicious, "localhost");
	refused_by_the_client(trusting, "example.org");
	refused_by_the_server("GET / HTTP/1.1\r\n\r\n");
	refused_by_the_server("");
	expect(vv_server_stop(server, VV_S(10)) == 0 && refused == 4);
	for (int i = 0; i < CLIENTS; i++)
		vv_greenlet_free(gs[i]);
	vv_server_free(server);
	vv_tls_config_free(config);
	vv_tls_config_free(trusting);
	vv_tls_config_free(suspicious);
	for (int i = 0; i < 10 && vv_objects(); i++)
		vv_yield();
	expect(vv_objects() == 0);
	return 0;
}
