/*
 * What threads cost, with pthread calls only: what the benchmarks run plain and under Vervet.
 * Usage: threads create | grow | herd | pingpong | yield | mutex | memory | million
 * Prints nanoseconds of CPU (memory, million: KiB) per operation; its peers (threads_*) do the same with their own means.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"

enum { GROWN = 5000, BLOCKED = 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turns[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER, all_here = PTHREAD_COND_INITIALIZER;
static pthread_attr_t attr;
static int turn, open_gate;
static long here, wanted;

static void *nothing(void *arg)
{
	return arg;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int err = pthread_create(&t, &attr, fn, arg);

	if (err) {
		fprintf(stderr, "threads: after %ld threads: %s\n", here, strerror(err));
		exit(1);
	}
	return t;
}

static void create(long n)
{
	while (n--)
		pthread_join(start(nothing, NULL), NULL);
}

/* Half of n switches in either thread. */
static void play(int me, long n)
{
	pthread_mutex_lock(&mutex);
	for (n /= 2; n--;) {
		while (turn != me)
			pthread_cond_wait(&turns[me], &mutex);
		turn = !me;
		pthread_cond_signal(&turns[!me]);
	}
	pthread_mutex_unlock(&mutex);
}

static void *pong(void *n)
{
	play(1, (long)n);
	return NULL;
}

static void pingpong(long n)
{
	pthread_t t = start(pong, (void *)n);

	play(0, n);
	pthread_join(t, NULL);
}

static void *yields(void *n)
{
	for (long i = (long)n / 2; i--;)
		sched_yield();
	return NULL;
}

static void yield(long n)
{
	pthread_t t = start(yields, (void *)n);

	yields((void *)n);
	pthread_join(t, NULL);
}

static void lock(long n)
{
	while (n--) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
	}
}

static void arrive(void)
{
	if (++here == wanted)
		pthread_cond_signal(&all_here);
}

static void await_all(void)
{
	pthread_mutex_lock(&mutex);
	while (here < wanted)
		pthread_cond_wait(&all_here, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void *guest(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (arrive(); !open_gate;)
		pthread_cond_wait(&gate, &mutex);
	pthread_mutex_unlock(&mutex);
	return arg;
}

/* CPU until all of them live; with joined until all have been joined. */
static void grow(int joined)
{
	static pthread_t t[GROWN];
	double begun = cpu_ns();

	wanted = GROWN;
	for (int i = 0; i < GROWN; i++)
		t[i] = start(guest, NULL);
	await_all();
	if (!joined)
		printf("%.1f\n", (cpu_ns() - begun) / GROWN);
	pthread_mutex_lock(&mutex);
	open_gate = 1;
	pthread_cond_broadcast(&gate);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < GROWN; i++)
		pthread_join(t[i], NULL);
	if (joined)
		printf("%.1f\n", (cpu_ns() - begun) / GROWN);
}

static void *reader(void *fd)
{
	char c;

	pthread_mutex_lock(&mutex);
	arrive();
	pthread_mutex_unlock(&mutex);
	if (read((int)(long)fd, &c, 1) < 0)
		perror("read");
	return NULL;
}

/* Each has a pipe to itself. */
static void memory(void)
{
	static int pipes[BLOCKED + 1][2];
	double before;

	all_descriptors();
	for (int i = 0; i <= BLOCKED; i++)
		if (pipe(pipes[i]))
			exit(1);
	wanted = 1;
	start(reader, (void *)(long)pipes[BLOCKED][0]);
	await_all();
	before = memory_kib();
	wanted += BLOCKED;
	for (int i = 0; i < BLOCKED; i++)
		start(reader, (void *)(long)pipes[i][0]);
	await_all();
	usleep(200000);
	printf("%.2f\n", (memory_kib() - before) / BLOCKED);
}

/* A million that read one pipe, with stacks of 64 KiB. */
static void million(void)
{
	double before = memory_kib();
	int ends[2];

	if (pipe(ends))
		exit(1);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	wanted = 1000000;
	for (long i = 0; i < wanted; i++)
		start(reader, (void *)(long)ends[0]);
	await_all();
	usleep(200000);
	printf("%.2f\n", (memory_kib() - before) / wanted);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	pthread_attr_init(&attr);
	if (!strcmp(what, "create"))
		each(create, 2000);
	else if (!strcmp(what, "grow"))
		grow(0);
	else if (!strcmp(what, "herd"))
		grow(1);
	else if (!strcmp(what, "pingpong"))
		each(pingpong, 2000);
	else if (!strcmp(what, "yield"))
		each(yield, 2000);
	else if (!strcmp(what, "mutex")) {
		start(guest, NULL);
		wanted = 1;
		await_all();
		each(lock, 100000);
	} else if (!strcmp(what, "memory"))
		memory();
	else if (!strcmp(what, "million"))
		million();
	else
		return 77;
	exit(0);
}
