/*
 * An iterative echo server with a mistake that only overlapping connections find: its buffer is static. With a second argument
 * it is not.
 */
#include "server.h"

static void serve_static(int c)
{
	static char line_buffer[256];
	ssize_t n;

	while ((n = read(c, line_buffer, sizeof line_buffer)) > 0)
		if (write(c, line_buffer, n) < 0)
			return;
}

static void serve(int c)
{
	char line[256];
	ssize_t n;

	while ((n = read(c, line, sizeof line)) > 0)
		if (write(c, line, n) < 0)
			return;
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	for (;;) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			return 1;
		(argc > 2 ? serve : serve_static)(c);
		close(c);
	}
}
