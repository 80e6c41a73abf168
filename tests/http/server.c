/* The server that tests/http/run talks to: prints its port, then serves until it is killed. */
#include <vervet-http.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(struct vv_http *x, const char *text)
{
	vv_http_reply(x, 200, "text/plain", text, strlen(text));
}

static void echo(struct vv_http *x)
{
	char *body;
	long n = vv_http_read_all(x, &body);

	if (n < 0)
		return; /* the server answers */
	vv_http_reply(x, 200, vv_http_header(x, "Content-Type"), body, n);
	free(body);
}

/* Who asks is kept in a local of the greenlet while others run. */
static void session(struct vv_http *x)
{
	static struct vv_local *request;
	char text[256];
	void *mine;

	if (!request)
		request = vv_local_new(NULL, NULL);
	vv_local_set(request, x);
	vv_sleep(VV_MS(100));
	vv_local_get(request, &mine);
	snprintf(text, sizeof text, "Hello %s %s", vv_http_remote(mine), vv_http_header(mine, "Name"));
	say(x, text);
}

static void headers(struct vv_http *x)
{
	const char *name, *value;

	vv_http_add_header(x, "X-Method", vv_http_method(x));
	vv_http_begin(x, 200, "text/plain");
	for (int i = 0; vv_http_header_at(x, i, &name, &value); i++) {
		vv_http_write(x, name, strlen(name));
		vv_http_write(x, "=", 1);
		vv_http_write(x, value, strlen(value));
		vv_http_write(x, "\n", 1);
	}
}

static void stream(struct vv_http *x)
{
	vv_http_begin(x, 200, "text/html");
	vv_http_write(x, "<p>Hello", 8);
	vv_http_write(x, "World</p>", 9);
}

/* One line a second, or after a long silence. */
static void poll(struct vv_http *x, int64_t pause_ns, int n)
{
	vv_http_begin(x, 200, "application/json");
	for (int i = 0; i < n; i++) {
		vv_sleep(pause_ns);
		vv_http_write(x, "\"Hello World\"\n", 14);
	}
}

static void large(struct vv_http *x)
{
	enum { SIZE = 8 << 20 };
	char *text = malloc(SIZE);

	memset(text, 'x', SIZE);
	vv_http_reply(x, 200, "text/plain", text, SIZE);
	free(text);
}

static void websocket_echo(struct vv_http *x)
{
	struct vv_ws *ws = vv_http_websocket(x);
	char *text;
	int binary;
	long n;

	if (!ws)
		return;
	while ((n = vv_ws_receive(ws, &text, &binary, VV_FOREVER)) >= 0) {
		vv_ws_send(ws, text, n, binary);
		free(text);
	}
	vv_ws_free(ws);
}

static void websocket_random(struct vv_http *x)
{
	struct vv_ws *ws = vv_http_websocket(x);
	char text[64];

	for (int i = 0; ws && i < 4; i++) {
		int n = snprintf(text, sizeof text, "{\"x\": %d, \"y\": %ld}", i, random() % 5 + 1);

		if (vv_ws_send(ws, text, n, 0) < 0)
			break;
		vv_sleep(VV_MS(100));
	}
	if (ws)
		vv_ws_close(ws, 1000);
	vv_ws_free(ws);
}

static void handle(struct vv_http *x, void *unused)
{
	const char *path = vv_http_path(x);

	if (!strcmp(path, "/"))
		say(x, "Hello World");
	else if (!strcmp(path, "/remote"))
		say(x, vv_http_remote(x));
	else if (!strcmp(path, "/echo"))
		echo(x);
	else if (!strcmp(path, "/session"))
		session(x);
	else if (!strcmp(path, "/headers"))
		headers(x);
	else if (!strcmp(path, "/stream"))
		stream(x);
	else if (!strcmp(path, "/poll"))
		poll(x, VV_MS(200), 4);
	else if (!strcmp(path, "/silence"))
		poll(x, VV_S(5), 1);
	else if (!strcmp(path, "/large"))
		large(x);
	else if (!strcmp(path, "/echo-socket"))
		websocket_echo(x);
	else if (!strcmp(path, "/random-socket"))
		websocket_random(x);
	else
		vv_http_reply(x, 404, "text/plain", "no\n", 3);
}

int main(void)
{
	struct vv_http_config config = {
	    .handle = handle, .head_ns = VV_S(3), .idle_ns = VV_S(10), .body_most = 100000};
	struct vv_server *server = vv_server_new("127.0.0.1", 0, 0, vv_http_serve, &config);

	if (!server)
		return 1;
	printf("%d\n", vv_server_port(server));
	fflush(stdout);
	return vv_server_serve(server);
}
