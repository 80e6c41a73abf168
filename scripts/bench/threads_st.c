/*
 * threads.c with State Threads: create, grow, pingpong, yield, mutex, memory.
 */
#include <st.h>
#include <stdlib.h>
#include <unistd.h>

#include "figures.h"

enum { GROWN = 5000, BLOCKED = 400 }; /* Debian's build keeps to 1,024 descriptors */

static st_cond_t turns[2];
static st_mutex_t mutex;
static int turn;

static void *nothing(void *arg)
{
	return arg;
}

static void create(long n)
{
	while (n--)
		st_thread_join(st_thread_create(nothing, NULL, 1, 0), NULL);
}

static void play(int me, long n)
{
	for (n /= 2; n--;) {
		while (turn != me)
			st_cond_wait(turns[me]);
		turn = !me;
		st_cond_signal(turns[!me]);
	}
}

static void *pong(void *n)
{
	play(1, (long)n);
	return NULL;
}

static void pingpong(long n)
{
	st_thread_t t = st_thread_create(pong, (void *)n, 1, 0);

	play(0, n);
	st_thread_join(t, NULL);
}

/* A sleep of 0 is the library's yield. */
static void *yields(void *n)
{
	for (long i = (long)n / 2; i--;)
		st_usleep(0);
	return NULL;
}

static void yield(long n)
{
	st_thread_t t = st_thread_create(yields, (void *)n, 1, 0);

	yields((void *)n);
	st_thread_join(t, NULL);
}

static void lock(long n)
{
	while (n--) {
		st_mutex_lock(mutex);
		st_mutex_unlock(mutex);
	}
}

static void *guest(void *arg)
{
	st_cond_wait(turns[0]);
	return arg;
}

static void grow(void)
{
	double begun = cpu_ns();

	for (int i = 0; i < GROWN; i++)
		if (!st_thread_create(guest, NULL, 0, 0))
			exit(1);
	st_usleep(0);
	printf("%.1f\n", (cpu_ns() - begun) / GROWN);
}

static void *reader(void *arg)
{
	char c;

	st_read(arg, &c, 1, ST_UTIME_NO_TIMEOUT);
	return NULL;
}

static void memory(void)
{
	static st_netfd_t fds[BLOCKED];
	double before;
	int ends[2];

	for (int i = 0; i < BLOCKED; i++) {
		if (pipe(ends))
			exit(1);
		fds[i] = st_netfd_open(ends[0]);
	}
	before = memory_kib();
	for (int i = 0; i < BLOCKED; i++)
		if (!st_thread_create(reader, fds[i], 0, 0))
			exit(1);
	st_usleep(200000);
	printf("%.2f\n", (memory_kib() - before) / BLOCKED);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	all_descriptors();
	st_set_eventsys(ST_EVENTSYS_ALT); /* epoll, where it was built with that */
	st_init();
	turns[0] = st_cond_new();
	turns[1] = st_cond_new();
	mutex = st_mutex_new();
	if (!strcmp(what, "create"))
		each(create, 2000);
	else if (!strcmp(what, "grow"))
		grow();
	else if (!strcmp(what, "pingpong"))
		each(pingpong, 2000);
	else if (!strcmp(what, "yield"))
		each(yield, 2000);
	else if (!strcmp(what, "mutex"))
		each(lock, 100000);
	else if (!strcmp(what, "memory"))
		memory();
	else
		return 77;
	exit(0);
}
