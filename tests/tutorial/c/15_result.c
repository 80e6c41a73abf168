/* Row 15: a value that will come. */
#include "say.h"

static struct vv_result *a;

static void *setter(void *unused)
{
	vv_sleep(SECONDS(3));
	vv_result_set(a, "Hello!");
	return NULL;
}

static void *waiter(void *unused)
{
	void *value;

	vv_result_get(a, &value, VV_FOREVER);
	say("%s", (char *)value);
	return NULL;
}

int main(void)
{
	a = vv_result_new();
	struct vv_greenlet *both[] = {vv_spawn(setter, NULL), vv_spawn(waiter, NULL)};

	join_and_free(both, 2);
	vv_result_free(a);
	return 0;
}
