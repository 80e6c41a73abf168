/*
 * A queue of three places between a boss and three workers, with a time-out at the end: nobody loses a task, and the
 * order is the same in every run.
 * vervet-runs: 20
 */
#include "check.h"

enum { PLACES = 3, TASKS = 19 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int queue[PLACES], head, count;

static void put(int task)
{
	pthread_mutex_lock(&m);
	while (count == PLACES)
		pthread_cond_wait(&not_full, &m);
	queue[(head + count++) % PLACES] = task;
	pthread_cond_signal(&not_empty);
	pthread_mutex_unlock(&m);
}

/* A task, or 0 if there is none for a while. */
static int get(void)
{
	struct timespec until = clock_in(CLOCK_REALTIME, 200);
	int task = 0;

	pthread_mutex_lock(&m);
	while (count == 0)
		if (pthread_cond_timedwait(&not_empty, &m, &until) == ETIMEDOUT)
			break;
	if (count) {
		task = queue[head];
		head = (head + 1) % PLACES;
		count--;
		pthread_cond_signal(&not_full);
	}
	pthread_mutex_unlock(&m);
	return task;
}

static void *worker(void *name)
{
	for (int task; (task = get()) != 0; sched_yield())
		printf("Worker %s got task %d\n", (char *)name, task);
	printf("Quitting time!\n");
	return NULL;
}

static void *boss(void *arg)
{
	for (int i = 1; i < 10; i++)
		put(i);
	printf("Assigned all work in iteration 1\n");
	for (int i = 10; i <= TASKS; i++)
		put(i);
	printf("Assigned all work in iteration 2\n");
	return arg;
}

int main(void)
{
	pthread_t b = start(boss, NULL), t[3];

	t[0] = start(worker, "steve");
	t[1] = start(worker, "john");
	t[2] = start(worker, "bob");
	join(b);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	return 0;
}
