/* Row 14: one sets an event, five wait for it. */
#include "say.h"

static struct vv_event *evt;

static void *setter(void *unused)
{
	say("A: Hey wait for me, I have to do something");
	vv_sleep(SECONDS(3));
	say("Ok, I'm done");
	vv_event_set(evt);
	return NULL;
}

static void *waiter(void *unused)
{
	say("I'll wait for you");
	vv_event_wait(evt, VV_FOREVER);
	say("It's about time");
	return NULL;
}

int main(void)
{
	evt = vv_event_new();
	struct vv_greenlet *gs[] = {vv_spawn(setter, NULL), vv_spawn(waiter, NULL), vv_spawn(waiter, NULL),
	    vv_spawn(waiter, NULL), vv_spawn(waiter, NULL), vv_spawn(waiter, NULL)};

	join_and_free(gs, 6);
	vv_event_free(evt);
	return 0;
}
