/*
 * An iterative server with a large frame (second argument: its bytes) that sleeps a quarter of a second before it answers with
 * what it has kept there. It sees the thread-specific values that main has set, and its own.
 */
#include "server.h"

#include <pthread.h>
#include <time.h>

static pthread_key_t mains, own;

static int handle(int c, int size)
{
	volatile char frame[size];
	char line[64];
	ssize_t n = read(c, line, sizeof line);

	if (n <= 0)
		return 0;
	for (int i = 0; i < size; i++)
		frame[i] = line[i % n];
	pthread_setspecific(own, line);
	errno = line[0];
	nanosleep(&(struct timespec){0, 250000000}, NULL);
	if (errno != line[0])
		return write(c, "errno\n", 6);
	if (pthread_getspecific(own) != line || strcmp(pthread_getspecific(mains), "main's"))
		return write(c, "keys\n", 5);
	pthread_setspecific(own, NULL);
	for (int i = 0; i < size; i++)
		if (frame[i] != line[i % n])
			return write(c, "frame\n", 6);
	return write(c, line, n);
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	pthread_key_create(&mains, NULL);
	pthread_key_create(&own, NULL);
	pthread_setspecific(mains, "main's");

	for (;;) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			return 1;
		handle(c, argc > 2 ? atoi(argv[2]) : 64 * 1024);
		close(c);
	}
}
