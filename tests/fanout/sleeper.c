/*
 * An iterative server with a large frame (second argument: its bytes) that sleeps a quarter of a second before it answers with what it has kept there.
 */
#include "server.h"

#include <time.h>

static int handle(int c, int size)
{
	volatile char frame[size];
	char line[64];
	ssize_t n = read(c, line, sizeof line);

	if (n <= 0)
		return 0;
	for (int i = 0; i < size; i++)
		frame[i] = line[i % n];
	errno = line[0];
	nanosleep(&(struct timespec){0, 250000000}, NULL);
	if (errno != line[0])
		return write(c, "errno\n", 6);
	for (int i = 0; i < size; i++)
		if (frame[i] != line[i % n])
			return write(c, "frame\n", 6);
	return write(c, line, n);
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	for (;;) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			return 1;
		handle(c, argc > 2 ? atoi(argv[2]) : 64 * 1024);
		close(c);
	}
}
