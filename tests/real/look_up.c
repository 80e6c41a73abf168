/*
 * Looks a name up while another thread ticks every 5 ms. Prints how the look-up ended, the ticks meanwhile and the
 * longest time between two.
 */
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static atomic_int done;
static long ticks, longest_ms;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *tick(void *arg)
{
	struct timespec pause = {0, 5000000};
	long last = now_ms();

	for (; !done; ticks++) {
		nanosleep(&pause, NULL);
		long now = now_ms();
		if (now - last > longest_ms)
			longest_ms = now - last;
		last = now;
	}
	return arg;
}

int main(int argc, char **argv)
{
	struct addrinfo *found;
	pthread_t ticker;
	int error;

	if (argc != 2 || pthread_create(&ticker, NULL, tick, NULL))
		return 1;
	error = getaddrinfo(argv[1], "80", NULL, &found);
	done = 1;
	pthread_join(ticker, NULL);
	printf("%s\n%ld %ld\n", error ? gai_strerror(error) : "found", ticks, longest_ms);
	return 0;
}
