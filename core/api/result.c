/*
 * Results: a value, or an error, that somebody will provide (gevent's AsyncResult).
 */
#include "api.h"

struct vv_result {
	struct vv__object object;
	void *value;
	int error;
	bool ready;
};

static struct vv__slab results = {.size = sizeof(struct vv_result)};

API struct vv_result *vv_result_new(void)
{
	return vv__new(&results, VV__T_RESULT);
}

bool vv__result_is_ready(struct vv__object *o)
{
	return ((struct vv_result *)o)->ready;
}

API int vv_result_free(struct vv_result *r)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(r, VV__T_RESULT);

	if (is)
		vv__retire(&r->object);
	return vv__finish(me, is || !r ? 0 : -EBADF);
}

static int provide(struct vv_result *r, void *value, int error)
{
	struct vv_greenlet *me = vv__begin();

	if (!vv__is(r, VV__T_RESULT))
		return vv__finish(me, -EBADF);
	r->value = value;
	r->error = error;
	r->ready = true;
	vv__wake(r, INT32_MAX);
	vv__notify(&r->object);
	return vv__finish(me, 0);
}

API int vv_result_set(struct vv_result *r, void *value)
{
	return provide(r, value, 0);
}

API int vv_result_fail(struct vv_result *r, int error)
{
	return error > 0 ? provide(r, NULL, error) : -EINVAL;
}

API int vv_result_ready(struct vv_result *r)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(r, VV__T_RESULT) ? r->ready : -EBADF);
}

API int vv_result_get(struct vv_result *r, void **value, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int e = vv__is(r, VV__T_RESULT) ? 0 : -EBADF;

	if (e == 0 && !r->ready)
		e = vv__wait_on(me, &r->object, 0, vv__deadline(timeout_ns), "result");
	if (e == 0 && r->error)
		e = -r->error;
	if (e == 0 && value)
		*value = r->value;
	return vv__finish(me, e);
}

static void forward(struct vv_greenlet *g, void *result)
{
	struct vv_result *r = result;

	if (vv_error(g) > 0)
		vv_result_fail(r, vv_error(g));
	else
		vv_result_set(r, vv_value(g));
}

API int vv_result_from(struct vv_result *r, struct vv_greenlet *g)
{
	return vv_link(g, forward, r);
}
