/*
 * Iterative echo servers that keep a line where the second argument says: "local" (malloc, streams made with fdopen, a log
 * and a counter that is atomic; nothing is shared), "block" (allocated before the first connection), "struct" (the same
 * through a pointer in another), "node" (one connection allocates it, another finds it in a list and writes it).
 */
#include "server.h"

#include <poll.h>
#include <stdatomic.h>

struct node {
	struct node *next;
	char line[200];
};

static struct state {
	char *line;
	struct node *nodes;
	_Atomic long served;
	FILE *log;
} * state;

static __attribute__((noinline)) void echo_block(int c)
{
	ssize_t n;

	while ((n = read(c, state->line, 200)) > 0)
		if (write(c, state->line, n) < 0)
			return;
}

static __attribute__((noinline)) void echo_struct(int c)
{
	char line[200];
	ssize_t n;

	while ((n = read(c, line, sizeof line)) > 0) {
		memcpy(state->line, line, n);
		if (write(c, state->line, n) < 0)
			return;
	}
}

/* Each connection's line goes into the first node that there is. */
static __attribute__((noinline)) void echo_node(int c)
{
	char line[200];
	ssize_t n;

	while ((n = read(c, line, sizeof line)) > 0) {
		if (!state->nodes)
			state->nodes = calloc(1, sizeof *state->nodes);
		for (ssize_t i = 0; i < n; i++)
			state->nodes->line[i] = line[i];
		if (write(c, state->nodes->line, n) < 0)
			return;
	}
}

static __attribute__((noinline)) void echo_local(int c)
{
	FILE *in = fdopen(dup(c), "r"), *out = fdopen(dup(c), "w");
	char *line = NULL, *copy;
	size_t size = 0;
	ssize_t n;
	struct pollfd p = {c, POLLIN, 0};

	while (poll(&p, 1, -1) == 1 && (n = getline(&line, &size, in)) > 0) {
		copy = strdup(line);
		fprintf(out, "%s", copy);
		fflush(out);
		fprintf(state->log, "connection %ld: %s", atomic_fetch_add(&state->served, 1), copy);
		free(copy);
	}
	free(line);
	fclose(in);
	fclose(out);
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);
	const char *how = argc > 2 ? argv[2] : "local";

	state = calloc(1, sizeof *state);
	state->line = calloc(1, 200);
	state->log = fopen("/dev/null", "w");
	for (;;) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			return 1;
		if (!strcmp(how, "block"))
			echo_block(c);
		else if (!strcmp(how, "struct"))
			echo_struct(c);
		else if (!strcmp(how, "node"))
			echo_node(c);
		else
			echo_local(c);
		close(c);
	}
}
