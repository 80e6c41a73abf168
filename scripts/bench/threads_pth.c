/*
 * threads.c with GNU Pth: create, grow, pingpong, yield, mutex. Its select() knows no descriptor above 1023: no memory.
 */
#include <pth.h>
#include <stdlib.h>

#include "figures.h"

enum { GROWN = 5000 };

static pth_cond_t turns[2] = {PTH_COND_INIT, PTH_COND_INIT};
static pth_mutex_t mutex = PTH_MUTEX_INIT;
static int turn, here;

static void *nothing(void *arg)
{
	return arg;
}

static pth_t start(void *(*fn)(void *), void *arg)
{
	pth_t t = pth_spawn(PTH_ATTR_DEFAULT, fn, arg);

	if (!t)
		exit(1);
	return t;
}

static void create(long n)
{
	while (n--)
		pth_join(start(nothing, NULL), NULL);
}

static void play(int me, long n)
{
	pth_mutex_acquire(&mutex, FALSE, NULL);
	for (n /= 2; n--;) {
		while (turn != me)
			pth_cond_await(&turns[me], &mutex, NULL);
		turn = !me;
		pth_cond_notify(&turns[!me], FALSE);
	}
	pth_mutex_release(&mutex);
}

static void *pong(void *n)
{
	play(1, (long)n);
	return NULL;
}

static void pingpong(long n)
{
	pth_t t = start(pong, (void *)n);

	play(0, n);
	pth_join(t, NULL);
}

static void *yields(void *n)
{
	for (long i = (long)n / 2; i--;)
		pth_yield(NULL);
	return NULL;
}

static void yield(long n)
{
	pth_t t = start(yields, (void *)n);

	yields((void *)n);
	pth_join(t, NULL);
}

static void lock(long n)
{
	while (n--) {
		pth_mutex_acquire(&mutex, FALSE, NULL);
		pth_mutex_release(&mutex);
	}
}

static void *guest(void *arg)
{
	here++;
	pth_suspend(pth_self());
	return arg;
}

static void grow(void)
{
	double begun = cpu_ns();

	for (int i = 0; i < GROWN; i++)
		start(guest, NULL);
	while (here < GROWN)
		pth_yield(NULL);
	printf("%.1f\n", (cpu_ns() - begun) / GROWN);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	pth_init();
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
	else
		return 77;
	fflush(stdout);
	_exit(0);
}
