/* Row 10: a time-out that was started before a join of the same length. */
#include "say.h"

static void *wait_10(void *unused)
{
	vv_sleep(SECONDS(10));
	return NULL;
}

int main(void)
{
	struct vv_timeout *timeout = vv_timeout_start(SECONDS(10), 0);
	struct vv_greenlet *g = vv_spawn(wait_10, NULL);

	if (vv_join(g, VV_FOREVER) == -ETIME)
		say("Could not complete");
	vv_timeout_free(timeout);
	vv_greenlet_free(g);
	return 0;
}
