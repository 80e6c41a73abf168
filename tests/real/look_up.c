/*
 * Two threads look up names while a third ticks every 10 ms. Prints what the look-ups ended with, and on stderr how
 * long they took, the ticks meanwhile, and the longest time between two of them. Usage: look_up NAME NAME
 */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static _Atomic int stop;
static int ticks;
static double longest;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *tick(void *arg)
{
	double last = now(), gap;

	while (!stop) {
		usleep(10000);
		gap = now() - last;
		last += gap;
		ticks++;
		if (gap > longest)
			longest = gap;
	}
	return arg;
}

static void *look_up(void *name)
{
	struct addrinfo *found = NULL;

	return (void *)(long)getaddrinfo(name, "80", NULL, &found);
}

int main(int argc, char **argv)
{
	pthread_t ticker, asking[2];
	double start = now();
	void *result;

	if (argc < 3)
		return 2;
	pthread_create(&ticker, NULL, tick, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&asking[i], NULL, look_up, argv[1 + i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(asking[i], &result);
		printf("%s: %s\n", argv[1 + i], gai_strerror((int)(long)result));
	}
	fprintf(stderr, "%.3f ", now() - start);
	stop = 1;
	pthread_join(ticker, NULL);
	fprintf(stderr, "%d %.3f\n", ticks, longest);
	return 0;
}
