/* Row 2: two greenlets in select() do not keep a third from its work. vervet-tries: 5
 * vervet-below: 3.5 */
#include "say.h"

#include <sys/select.h>
#include <time.h>

static struct timespec start;

static const char *tic(void)
{
	static char text[32];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "at %1.1f seconds",
	    now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9);
	return text;
}

static void *poll_2_s(void *unused)
{
	struct timeval two = {2, 0};

	say("Started Polling: %s", tic());
	select(0, NULL, NULL, NULL, &two);
	say("Ended Polling: %s", tic());
	return NULL;
}

static void *gr3(void *unused)
{
	say("Hey lets do some stuff while the greenlets poll, %s", tic());
	vv_sleep(VV_S(1));
	return NULL;
}

int main(void)
{
	clock_gettime(CLOCK_MONOTONIC, &start);
	struct vv_greenlet *gs[] = {vv_spawn(poll_2_s, NULL), vv_spawn(poll_2_s, NULL), vv_spawn(gr3, NULL)};

	join_and_free(gs, 3);
	return 0;
}
