/*
 * Threads that talk through libzmq over tcp, a Unix socket and within the process: REQ/REP through a proxy and three
 * workers, then one publisher and its subscribers, which must get every message in order.
 * Usage: zmq TCP-ENDPOINT IPC-ENDPOINT TCP-ENDPOINT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { WORKERS = 3, CLIENTS = 18, REQUESTS = 200, SUBSCRIBERS = 5, MESSAGES = 2000, LONGEST = 64 };

struct client {
	const char *endpoint;
	int number;
};

static void *context;

static void expect(int true, const char *what)
{
	if (true)
		return;
	printf("not so: %s (%s)\n", what, zmq_strerror(zmq_errno()));
	fflush(stdout);
	_Exit(1);
}

static void *open_socket(int type, const char *endpoint)
{
	void *s = zmq_socket(context, type);

	expect(s && zmq_connect(s, endpoint) == 0, endpoint);
	return s;
}

static void *bound_socket(int type, const char *endpoint)
{
	void *s = zmq_socket(context, type);

	expect(s && zmq_bind(s, endpoint) == 0, endpoint);
	return s;
}

static int receive(void *s, char *text)
{
	int n = zmq_recv(s, text, LONGEST - 1, 0);

	text[n < 0 ? 0 : n] = 0;
	return n;
}

static void *work(void *arg)
{
	void *s = open_socket(ZMQ_REP, "inproc://workers");
	char asked[LONGEST], answer[LONGEST + 3];

	while (receive(s, asked) >= 0) {
		sprintf(answer, "re:%s", asked);
		if (zmq_send(s, answer, strlen(answer), 0) < 0)
			break;
	}
	zmq_close(s);
	return NULL;
}

static void *relay(void *arg)
{
	void **ends = arg;

	zmq_proxy(ends[0], ends[1], NULL);
	zmq_close(ends[0]);
	zmq_close(ends[1]);
	return NULL;
}

static void *ask(void *arg)
{
	struct client *c = arg;
	void *s = open_socket(ZMQ_REQ, c->endpoint);
	char text[LONGEST], answer[LONGEST];

	for (int i = 0; i < REQUESTS; i++) {
		int n = sprintf(text, "%d.%d", c->number, i);
		expect(zmq_send(s, text, (size_t)n, 0) == n, "a request is sent");
		expect(receive(s, answer) == n + 3 && !strncmp(answer, "re:", 3) && !strcmp(answer + 3, text),
		    "the answer is to this request");
	}
	zmq_close(s);
	return NULL;
}

static void *subscribe(void *arg)
{
	void *s = zmq_socket(context, ZMQ_SUB), *ready = open_socket(ZMQ_PUSH, "inproc://ready");
	int unlimited = 0, synced = 0;
	char text[LONGEST];
	long next = 0;

	zmq_setsockopt(s, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
	zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
	expect(zmq_connect(s, arg) == 0, arg);
	while (expect(receive(s, text) >= 0, "a message comes"), strcmp(text, "end")) {
		if (strcmp(text, "hello"))
			expect(atol(text) == next++, "messages come in order, none is lost");
		else if (!synced++)
			zmq_send(ready, "", 0, 0);
	}
	zmq_close(ready);
	zmq_close(s);
	return (void *)next;
}

static void requests(void *front, const char *tcp, const char *ipc)
{
	struct client clients[CLIENTS];
	pthread_t threads[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){i % 3 == 0 ? tcp : i % 3 == 1 ? ipc : "inproc://front", i};
		pthread_create(&threads[i], NULL, ask, &clients[i]);
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	printf("%d requests answered\n", CLIENTS * REQUESTS);
}

static void publish(char *endpoint)
{
	void *out = zmq_socket(context, ZMQ_PUB), *ready = bound_socket(ZMQ_PULL, "inproc://ready"), *got;
	zmq_pollitem_t item = {ready, 0, ZMQ_POLLIN, 0};
	pthread_t threads[SUBSCRIBERS];
	int unlimited = 0, n;
	char text[LONGEST];

	zmq_setsockopt(out, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
	expect(zmq_bind(out, endpoint) == 0, endpoint);
	for (int i = 0; i < SUBSCRIBERS; i++)
		pthread_create(&threads[i], NULL, subscribe, endpoint);
	for (int there = 0; there < SUBSCRIBERS;) {
		zmq_send(out, "hello", 5, 0);
		if (zmq_poll(&item, 1, 10) > 0)
			there += receive(ready, text) == 0;
	}
	for (int i = 0; i < MESSAGES; i++) {
		n = sprintf(text, "%d", i);
		zmq_send(out, text, (size_t)n, 0);
	}
	zmq_send(out, "end", 3, 0);
	for (int i = 0; i < SUBSCRIBERS; i++) {
		pthread_join(threads[i], &got);
		printf("%ld messages received\n", (long)got);
	}
	zmq_close(out);
	zmq_close(ready);
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS], proxy;
	void *ends[2];

	if (argc < 4)
		return 2;
	context = zmq_ctx_new();
	zmq_ctx_set(context, ZMQ_IO_THREADS, 2);
	ends[0] = bound_socket(ZMQ_ROUTER, argv[1]);
	expect(zmq_bind(ends[0], argv[2]) == 0 && zmq_bind(ends[0], "inproc://front") == 0, "bound");
	ends[1] = bound_socket(ZMQ_DEALER, "inproc://workers");
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, NULL);
	pthread_create(&proxy, NULL, relay, ends);
	requests(ends[0], argv[1], argv[2]);
	publish(argv[3]);
	zmq_ctx_shutdown(context);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	pthread_join(proxy, NULL);
	zmq_ctx_term(context);
	return 0;
}
