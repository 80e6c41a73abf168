/* N threads that read from a pipe that nobody writes to, and main that counts until standard input ends. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int idle[2];

static void *reader(void *unused)
{
	char c;

	return read(idle[0], &c, 1) < 0 ? NULL : unused;
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]);
	pthread_attr_t attr;
	pthread_t t;
	char c;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	if (pipe(idle))
		return 1;
	for (int i = 0; i < n; i++)
		if (pthread_create(&t, &attr, reader, NULL))
			return 2;
	puts("ready");
	fflush(stdout);
	return read(0, &c, 1) != 0;
}
