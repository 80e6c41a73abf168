/*
 * Actors: a greenlet with an inbox that calls a function for each message.
 */
#include "api.h"

struct vv_actor {
	struct vv__object object;
	struct vv_queue *inbox;
	struct vv_greenlet *greenlet;
	void (*receive)(struct vv_actor *, void *, void *);
	void *state;
};

static struct vv__slab actors = {.size = sizeof(struct vv_actor)};

static void *act(void *actor)
{
	struct vv_actor *a = actor;
	void *message;
	int r;

	while ((r = vv_queue_get(a->inbox, &message, VV_FOREVER)) == 0 || r == -ETIME)
		if (r == 0)
			a->receive(a, message, a->state);
	return NULL;
}

API struct vv_actor *vv_actor_new(void (*receive)(struct vv_actor *, void *, void *), void *state)
{
	struct vv_actor *a = vv__new(&actors, VV__T_ACTOR);

	if (!a)
		return NULL;
	a->receive = receive;
	a->state = state;
	a->inbox = vv_queue_new(VV_FIFO, 0);
	a->greenlet = a->inbox ? vv_greenlet_new(act, a) : NULL;
	if (a->greenlet)
		return a;
	vv_actor_free(a);
	errno = ENOMEM;
	return NULL;
}

API int vv_actor_start(struct vv_actor *a)
{
	return vv__is(a, VV__T_ACTOR) ? vv_greenlet_start(a->greenlet) : -EBADF;
}

API int vv_actor_send(struct vv_actor *a, void *message)
{
	if (!vv__is(a, VV__T_ACTOR))
		return -EBADF;
	return vv_ready(a->greenlet) ? -EPIPE : vv_queue_put(a->inbox, message, 0);
}

API int vv_actor_stop(struct vv_actor *a)
{
	return vv__is(a, VV__T_ACTOR) ? vv_queue_shutdown(a->inbox, 0) : -EBADF;
}

API struct vv_greenlet *vv_actor_greenlet(struct vv_actor *a)
{
	return vv__is(a, VV__T_ACTOR) ? a->greenlet : NULL;
}

/* The greenlet reads the actor until its end: a killed one is waited for. */
API int vv_actor_free(struct vv_actor *a)
{
	struct vv_greenlet *me;
	int r = 0;

	if (!vv__is(a, VV__T_ACTOR))
		return a ? -EBADF : 0;
	if (a->greenlet == vv_current())
		return -EDEADLK;
	if (a->greenlet)
		r = vv_kill(a->greenlet, VV_FOREVER);
	if (r < 0)
		return r;
	vv_greenlet_free(a->greenlet);
	vv_queue_free(a->inbox);
	me = vv__begin();
	vv__retire(&a->object);
	return vv__finish(me, 0);
}
