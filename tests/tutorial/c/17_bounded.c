/* Row 17: a queue with room for three holds its boss up; workers go home when nothing comes for a while. */
#include "say.h"

static struct vv_queue *tasks;

static void *worker(void *name)
{
	void *task;

	while (vv_queue_get(tasks, &task, SECONDS(1)) == 0) {
		say("Worker %s got task %ld", (char *)name, (long)task);
		vv_sleep(0);
	}
	say("Quitting time!");
	return NULL;
}

static void *boss(void *unused)
{
	for (long i = 1; i < 10; i++)
		vv_queue_put(tasks, NUMBER(i), VV_FOREVER);
	say("Assigned all work in iteration 1");
	for (long i = 10; i < 20; i++)
		vv_queue_put(tasks, NUMBER(i), VV_FOREVER);
	say("Assigned all work in iteration 2");
	return NULL;
}

int main(void)
{
	tasks = vv_queue_new(VV_FIFO, 3);
	struct vv_greenlet *gs[] = {vv_spawn(boss, NULL), vv_spawn(worker, "steve"), vv_spawn(worker, "john"),
	    vv_spawn(worker, "bob")};

	join_and_free(gs, 4);
	vv_queue_free(tasks);
	return 0;
}
