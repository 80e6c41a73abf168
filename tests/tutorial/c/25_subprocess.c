/* Row 25: a greenlet ticks while another waits for a command: five or six times. vervet-tries: 5 */
#include "say.h"

static int ticks;

static void *cron(void *unused)
{
	do
		ticks++;
	while (vv_sleep(VV_MS(200)) == 0);
	return NULL;
}

int main(void)
{
	struct vv_greenlet *g = vv_spawn(cron, NULL);
	struct vv_process *sub = vv_process_shell("sleep 1; uname", VV_STDOUT);
	int status = -1;
	char *out;

	vv_process_communicate(sub, NULL, 0, &out, NULL, NULL, NULL, &status, VV_FOREVER);
	vv_kill(g, VV_FOREVER);
	say(ticks == 5 || ticks == 6 ? "cron ticked" : "ticks: %d", ticks);
	say("%s%d", out, status);
	free(out);
	vv_process_free(sub);
	vv_greenlet_free(g);
	return 0;
}
