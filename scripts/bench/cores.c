/*
 * Threads that compute for a while between two waits, more of them than one core can take. Prints the milliseconds that
 * the whole took. Usage: cores SHAPE THREADS MICROSECONDS ROUNDS; shapes: queue (main gives each thread a task, by a mutex
 * and two conditions), barrier (they wait for one another), pipe (each computes for every byte that comes).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 64 };

static int threads, rounds, tasks, done, pairs[MOST][2];
static long steps; /* of a task */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER, all = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void compute(long n)
{
	for (volatile long i = 0; i < n; i++)
		;
}

/* How many steps a task of us microseconds has: the best of some attempts. */
static long steps_for(int us)
{
	enum { STEPS = 2000000, ATTEMPTS = 5 };
	double best = 1e9, t;

	for (int i = 0; i < ATTEMPTS; i++) {
		t = milliseconds();
		compute(STEPS);
		t = milliseconds() - t;
		best = t < best ? t : best;
	}
	return STEPS / (best * 1e3) * us;
}

static void *take_tasks(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&mutex);
	for (;;) {
		while (!tasks)
			pthread_cond_wait(&some, &mutex);
		if (tasks < 0)
			break;
		tasks--;
		pthread_mutex_unlock(&mutex);
		compute(steps);
		pthread_mutex_lock(&mutex);
		if (++done == threads)
			pthread_cond_signal(&all);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void give_tasks(void)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < rounds; i++) {
		tasks = threads;
		done = 0;
		pthread_cond_broadcast(&some);
		while (done < threads)
			pthread_cond_wait(&all, &mutex);
	}
	tasks = -1;
	pthread_cond_broadcast(&some);
	pthread_mutex_unlock(&mutex);
}

static void *keep_step(void *unused)
{
	(void)unused;
	for (int i = 0; i < rounds; i++) {
		compute(steps);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void *answer(void *pair)
{
	int fd = ((int *)pair)[1];
	char byte;

	while (read(fd, &byte, 1) == 1) {
		compute(steps);
		if (write(fd, &byte, 1) != 1)
			break;
	}
	return NULL;
}

static void ask(void)
{
	char byte = 0;

	for (int i = 0; i < rounds; i++) {
		for (int t = 0; t < threads; t++)
			if (write(pairs[t][0], &byte, 1) != 1)
				exit(1);
		for (int t = 0; t < threads; t++)
			if (read(pairs[t][0], &byte, 1) != 1)
				exit(1);
	}
	for (int t = 0; t < threads; t++)
		shutdown(pairs[t][0], SHUT_RDWR);
}

int main(int argc, char **argv)
{
	void *(*run)(void *) = keep_step;
	pthread_t thread[MOST];
	double begin;

	if (argc != 5 || (threads = atoi(argv[2])) < 1 || threads > MOST)
		return 2;
	rounds = atoi(argv[4]);
	steps = steps_for(atoi(argv[3]));
	if (!strcmp(argv[1], "queue"))
		run = take_tasks;
	else if (!strcmp(argv[1], "pipe"))
		run = answer;
	pthread_barrier_init(&barrier, NULL, threads);
	begin = milliseconds();
	for (int t = 0; t < threads; t++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[t]) ||
		    pthread_create(&thread[t], NULL, run, pairs[t]))
			return 1;
	}
	if (run == take_tasks)
		give_tasks();
	else if (run == answer)
		ask();
	for (int t = 0; t < threads; t++)
		pthread_join(thread[t], NULL);
	printf("%.1f\n", milliseconds() - begin);
	return 0;
}
