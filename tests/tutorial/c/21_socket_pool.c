/* Row 21: a pool of greenlets that listen on sockets: no room is an error, shutting down ends all. */
#include "say.h"

#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 100 };

static struct vv_group *pool;

static void *listen_on(void *socket)
{
	char c;

	while (recv((int)(long)socket, &c, 1, 0) > 0)
		;
	return NULL;
}

static int add_handler(int socket)
{
	struct vv_greenlet *g = vv_group_spawn(pool, listen_on, NUMBER(socket), 0);

	if (!g)
		return -errno;
	return vv_greenlet_free(g);
}

int main(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	pool = vv_pool_new(SIZE);
	for (int i = 0; i < SIZE; i++)
		if (add_handler(pair[0]) < 0)
			return 1;
	vv_yield();
	say("full %d", vv_group_full(pool));
	say(add_handler(pair[0]) == -EAGAIN ? "At maximum pool size" : "There was room");
	say("killed %d", vv_group_kill(pool, VV_FOREVER));
	say("left %d", vv_group_size(pool));
	vv_group_free(pool);
	return 0;
}
