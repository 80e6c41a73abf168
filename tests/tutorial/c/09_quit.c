/* Row 9: SIGQUIT ends a program that waits for a greenlet that sleeps for long. vervet-below: 5 */
#include "say.h"

#include <signal.h>
#include <unistd.h>

static void *run_forever(void *unused)
{
	vv_sleep(VV_S(1000));
	return NULL;
}

static void *send_quit(void *unused)
{
	kill(getpid(), SIGQUIT);
	return NULL;
}

static void on_quit(int number, void *greenlet)
{
	vv_kill(greenlet, 0);
}

int main(void)
{
	struct vv_greenlet *g = vv_spawn(run_forever, NULL);

	vv_signal(SIGQUIT, on_quit, g);
	vv_go(send_quit, NULL);
	vv_join(g, VV_FOREVER);
	say("%s", (char *)vv_value(g));
	vv_greenlet_free(g);
	return 0;
}
