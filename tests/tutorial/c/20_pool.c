/* Row 20: a pool of two. */
#include "say.h"

static struct vv_group *pool;

static void *hello_from(void *n)
{
	say("Size of pool %d", vv_group_size(pool));
	return NULL;
}

int main(void)
{
	void *items[3] = {NULL};

	pool = vv_pool_new(2);
	vv_group_map(pool, hello_from, items, 3, NULL);
	vv_group_free(pool);
	return 0;
}
