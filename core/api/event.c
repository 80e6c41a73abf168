/*
 * Events: a flag to wait for. Setting wakes all that wait, even if the flag is cleared before they run.
 */
#include "api.h"

struct vv_event {
	struct vv__object object;
	bool set;
};

static struct vv__slab events = {.size = sizeof(struct vv_event)};

API struct vv_event *vv_event_new(void)
{
	return vv__new(&events, VV__T_EVENT);
}

bool vv__event_is_set(struct vv__object *o)
{
	return ((struct vv_event *)o)->set;
}

API int vv_event_free(struct vv_event *e)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(e, VV__T_EVENT);

	if (is)
		vv__retire(&e->object);
	return vv__finish(me, is || !e ? 0 : -EBADF);
}

API int vv_event_set(struct vv_event *e)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(e, VV__T_EVENT);

	if (is && !e->set) {
		e->set = true;
		vv__wake(e, INT32_MAX);
		vv__notify(&e->object);
	}
	return vv__finish(me, is ? 0 : -EBADF);
}

API int vv_event_clear(struct vv_event *e)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(e, VV__T_EVENT);

	if (is)
		e->set = false;
	return vv__finish(me, is ? 0 : -EBADF);
}

API int vv_event_is_set(struct vv_event *e)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(e, VV__T_EVENT) ? e->set : -EBADF);
}

API int vv_event_wait(struct vv_event *e, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = vv__is(e, VV__T_EVENT) ? 0 : -EBADF;

	if (r == 0 && !e->set)
		r = vv__wait_on(me, &e->object, 0, vv__deadline(timeout_ns), "event");
	return vv__finish(me, r);
}
