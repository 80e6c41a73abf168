/* Row 16: three workers share 24 tasks in turn. */
#include "say.h"

static struct vv_queue *tasks;

static void *worker(void *name)
{
	void *task;

	while (!vv_queue_empty(tasks)) {
		vv_queue_get(tasks, &task, VV_FOREVER);
		say("Worker %s got task %ld", (char *)name, (long)task);
		vv_sleep(0);
	}
	say("Quitting time!");
	return NULL;
}

static void *boss(void *unused)
{
	for (long i = 1; i < 25; i++)
		vv_queue_put(tasks, NUMBER(i), 0);
	return NULL;
}

int main(void)
{
	struct vv_greenlet *b;

	tasks = vv_queue_new(VV_FIFO, 0);
	b = vv_spawn(boss, NULL);
	join_and_free(&b, 1);
	struct vv_greenlet *gs[] = {
	    vv_spawn(worker, "steve"), vv_spawn(worker, "john"), vv_spawn(worker, "nancy")};

	join_and_free(gs, 3);
	vv_queue_free(tasks);
	return 0;
}
