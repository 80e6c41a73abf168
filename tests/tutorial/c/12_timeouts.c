/* Row 12: three ways to give up. */
#include "say.h"

static void *wait_2(void *unused)
{
	vv_sleep(SECONDS(2));
	return NULL;
}

int main(void)
{
	struct vv_greenlet *thread1 = vv_spawn(wait_2, NULL), *thread2;
	struct vv_timeout *timer;

	if (vv_join(thread1, SECONDS(1)) == -ETIMEDOUT)
		say("Thread 1 timed out");
	timer = vv_timeout_start(SECONDS(1), 0);
	thread2 = vv_spawn(wait_2, NULL);
	if (vv_get(thread2, NULL, VV_FOREVER) == -ETIME)
		say("Thread 2 timed out");
	vv_timeout_free(timer);
	if (vv_with_timeout(SECONDS(1), wait_2, NULL, NULL) == -ETIME)
		say("Thread 3 timed out");
	vv_greenlet_free(thread1);
	vv_greenlet_free(thread2);
	return 0;
}
