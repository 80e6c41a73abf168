/* Greenlets of the API that take turns to compute for 0.7 seconds while main wants to run every 10 ms. */
#include <stdio.h>
#include <time.h>
#include <vervet.h>

static void *compute(void *unused)
{
	struct timespec now;
	double end;

	for (int i = 0; i < 2; i++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		end = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + 0.7;
		while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < end)
			clock_gettime(CLOCK_MONOTONIC, &now);
		vv_yield();
	}
	return NULL;
}

int main(void)
{
	struct vv_greenlet *a = vv_spawn(compute, NULL), *b = vv_spawn(compute, NULL);

	vv_greenlet_set_name(a, "cruncher");
	for (int i = 0; i < 5; i++)
		vv_sleep(VV_MS(10));
	vv_join(a, VV_FOREVER);
	vv_join(b, VV_FOREVER);
	puts("done");
	return 0;
}
