/* Row 23: what one greenlet stores is not there for another. */
#include "say.h"

static struct vv_local *x, *y;

static void *f1(void *unused)
{
	void *value;

	vv_local_set(x, NUMBER(1));
	vv_local_get(x, &value);
	say("%ld", (long)value);
	return NULL;
}

static void *f2(void *unused)
{
	void *value;

	vv_local_set(y, NUMBER(2));
	vv_local_get(y, &value);
	say("%ld", (long)value);
	if (vv_local_get(x, &value) == -ENOENT)
		say("x is not local to f2");
	return NULL;
}

int main(void)
{
	x = vv_local_new(NULL, NULL);
	y = vv_local_new(NULL, NULL);
	struct vv_greenlet *both[] = {vv_spawn(f1, NULL), vv_spawn(f2, NULL)};

	join_and_free(both, 2);
	vv_local_free(x);
	vv_local_free(y);
	return 0;
}
