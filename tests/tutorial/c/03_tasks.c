/* Row 3: tasks one after the other, then all at once: in any order, and far faster. vervet-tries: 5
 * vervet-any-order: yes */
#include "say.h"

#include <time.h>

static void *task(void *pid)
{
	vv_sleep(VV_MS(random() % 3 * 10));
	say("Task %ld done", (long)pid);
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double synchronous(void)
{
	double start = now();

	for (long i = 1; i < 10; i++)
		task(NUMBER(i));
	return now() - start;
}

static double asynchronous(void)
{
	struct vv_greenlet *gs[10];
	double start = now();

	for (long i = 0; i < 10; i++)
		gs[i] = vv_spawn(task, NUMBER(i));
	join_and_free(gs, 10);
	return now() - start;
}

int main(void)
{
	double sync, async;

	say("Synchronous:");
	sync = synchronous();
	say("Asynchronous:");
	async = asynchronous();
	return async > sync / 2;
}
