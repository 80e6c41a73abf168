/* Row 22: two at a time. */
#include "say.h"

static struct vv_semaphore *sem;

static void *worker(void *n)
{
	vv_semaphore_acquire(sem, VV_FOREVER);
	say("Worker %ld acquired semaphore", (long)n);
	vv_sleep(0);
	vv_semaphore_release(sem);
	say("Worker %ld released semaphore", (long)n);
	return NULL;
}

int main(void)
{
	void *first[] = {NUMBER(0), NUMBER(1)}, *second[] = {NUMBER(3), NUMBER(4), NUMBER(5)};
	struct vv_group *pool = vv_group_new();

	sem = vv_semaphore_new_bounded(2);
	vv_group_map(pool, worker, first, 2, NULL);
	vv_group_map(pool, worker, second, 3, NULL);
	if (vv_semaphore_release(sem) != -EOVERFLOW)
		say("Released too often");
	vv_semaphore_free(sem);
	vv_group_free(pool);
	return 0;
}
