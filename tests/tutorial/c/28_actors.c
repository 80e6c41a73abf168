/* Row 28: two actors play ping-pong; the first lines. */
#include "say.h"

enum { LINES = 9 };

static struct vv_actor *ping, *pong;
static int lines;

static void say_and_send(const char *message, struct vv_actor *to, const char *answer)
{
	if (lines++ == LINES) {
		vv_actor_stop(ping);
		vv_actor_stop(pong);
		return;
	}
	say("%s", message);
	vv_actor_send(to, (void *)answer);
	vv_sleep(0);
}

static void pinger(struct vv_actor *self, void *message, void *state)
{
	say_and_send(message, pong, "ping");
}

static void ponger(struct vv_actor *self, void *message, void *state)
{
	say_and_send(message, ping, "pong");
}

int main(void)
{
	ping = vv_actor_new(pinger, NULL);
	pong = vv_actor_new(ponger, NULL);
	vv_actor_start(ping);
	vv_actor_start(pong);
	vv_actor_send(ping, "start");
	struct vv_greenlet *both[] = {vv_actor_greenlet(ping), vv_actor_greenlet(pong)};

	vv_joinall(both, 2, 2, VV_FOREVER, NULL);
	vv_actor_free(ping);
	vv_actor_free(pong);
	return 0;
}
