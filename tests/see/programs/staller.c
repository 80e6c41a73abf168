/* A greenlet of the API that computes for 3 seconds while main wants to run every 10 ms. */
#include <stdio.h>
#include <time.h>
#include <vervet.h>

static void *compute(void *unused)
{
	time_t end = time(NULL) + 3;

	while (time(NULL) < end)
		;
	return NULL;
}

int main(void)
{
	struct vv_greenlet *g = vv_spawn(compute, NULL);

	for (int i = 0; i < 5; i++)
		vv_sleep(VV_MS(10));
	vv_join(g, VV_FOREVER);
	puts("done");
	return 0;
}
