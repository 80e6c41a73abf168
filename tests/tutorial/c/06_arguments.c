/* Row 6: spawning with arguments, and values. vervet-tries: 5
 * vervet-below: 0.29 */
#include "say.h"

struct arguments {
	const char *message;
	int n;
};

static void *foo(void *arguments)
{
	struct arguments *a = arguments;

	vv_sleep(SECONDS(a->n));
	say("%s", a->message);
	return NULL;
}

static void *successor(void *x)
{
	return NUMBER((long)x + 1);
}

int main(void)
{
	struct arguments hello = {"Hello", 1}, live = {"I live!", 2};
	struct vv_greenlet *gs[] = {vv_spawn_with(foo, &hello, sizeof hello),
	    vv_spawn_with(foo, &live, sizeof live), vv_spawn(successor, NUMBER(2))};
	void *three;

	vv_get(gs[2], &three, VV_FOREVER);
	join_and_free(gs, 3);
	return (long)three != 3;
}
