/* Row 1: two greenlets give way to each other. */
#include "say.h"

static void *foo(void *unused)
{
	say("Running in foo");
	vv_sleep(0);
	say("Explicit context switch to foo again");
	return NULL;
}

static void *bar(void *unused)
{
	say("Explicit context to bar");
	vv_sleep(0);
	say("Implicit context switch back to bar");
	return NULL;
}

int main(void)
{
	struct vv_greenlet *both[] = {vv_spawn(foo, NULL), vv_spawn(bar, NULL)};

	join_and_free(both, 2);
	return 0;
}
