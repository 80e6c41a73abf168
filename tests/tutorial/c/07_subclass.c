/* Row 7: a greenlet that carries state of its own and is started later. */
#include "say.h"

struct my_greenlet {
	struct vv_greenlet *greenlet;
	const char *message;
	int n;
};

static void *run(void *self)
{
	struct my_greenlet *me = self;

	say("%s", me->message);
	vv_sleep(SECONDS(me->n));
	return NULL;
}

int main(void)
{
	struct my_greenlet g = {.message = "Hi there!", .n = 3};

	g.greenlet = vv_greenlet_new(run, &g);
	vv_greenlet_start(g.greenlet);
	join_and_free(&g.greenlet, 1);
	return 0;
}
