/*
 * A program with a libev loop of its own and an allocator for it that takes a lock, beside threads that wait: the allocator is
 * called for the program's loop alone, in the thread that uses it.
 *
 * vervet-needs: libev-dev
 * vervet-link: -lev
 */
#include "check.h"

#include <ev.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool uses_ev;
static _Atomic int calls, elsewhere;
static int fired;

static void *allocate(void *old, long size)
{
	pthread_mutex_lock(&lock);
	calls++;
	elsewhere += !uses_ev;
	pthread_mutex_unlock(&lock);
	if (size)
		return realloc(old, size);
	free(old);
	return NULL;
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)events;
	pthread_mutex_lock(&lock);
	fired++;
	pthread_mutex_unlock(&lock);
	ev_timer_stop(loop, w);
}

/* Many descriptors at once, and more each time: the loop that waits for them needs more memory. */
static void *waits(void *arg)
{
	int ends[2];
	char c;

	expect(pipe(ends) == 0);
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&lock);
		usleep(100);
		pthread_mutex_unlock(&lock);
	}
	expect(write(ends[1], "x", 1) == 1 && read(ends[0], &c, 1) == 1);
	return arg;
}

static void *loops(void *arg)
{
	struct ev_loop *loop;
	ev_timer timers[50];

	uses_ev = true;
	loop = ev_loop_new(0);
	for (int i = 0; i < 50; i++) {
		ev_timer_init(&timers[i], on_timer, 0.001 * (i % 7), 0);
		ev_timer_start(loop, &timers[i]);
	}
	ev_run(loop, 0);
	ev_loop_destroy(loop);
	uses_ev = false;
	return arg;
}

static void *reads(void *end)
{
	char c;

	return read(*(int *)end, &c, 1) == 1 ? NULL : end;
}

int main(void)
{
	enum { READERS = 40 };
	pthread_t t[READERS], others[3];
	int ends[READERS][2];

	others[0] = start(waits, NULL);
	ev_set_allocator(allocate);
	others[1] = start(loops, NULL);
	others[2] = start(waits, NULL);
	for (int i = 0; i < READERS; i++) {
		expect(pipe(ends[i]) == 0);
		t[i] = start(reads, &ends[i][0]);
	}
	loops(NULL);
	for (int i = 0; i < READERS; i++)
		expect(write(ends[i][1], "x", 1) == 1);
	for (int i = 0; i < READERS; i++)
		join(t[i]);
	for (int i = 0; i < 3; i++)
		join(others[i]);
	printf("timers: %d, allocator was called: %d, elsewhere: %d\n", fired, calls > 0, elsewhere);
	return 0;
}
