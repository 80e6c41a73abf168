/*
 * Three workers take 24 tasks from a queue and give way after each: round robin.
 * vervet-runs: 20
 */
#include "check.h"

enum { TASKS = 24 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int tasks[TASKS], first, last;

static int get(void)
{
	int task = 0;

	pthread_mutex_lock(&m);
	if (first < last)
		task = tasks[first++];
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
	for (int i = 1; i <= TASKS; i++)
		tasks[last++] = i;
	return arg;
}

int main(void)
{
	pthread_t t[3];

	join(start(boss, NULL));
	t[0] = start(worker, "steve");
	t[1] = start(worker, "john");
	t[2] = start(worker, "nancy");
	for (int i = 0; i < 3; i++)
		join(t[i]);
	return 0;
}
