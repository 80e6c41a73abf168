/*
 * Semaphores. A release with waiters hands its unit to the first of them: strictly first come, first served.
 */
#include "api.h"

struct vv_semaphore {
	struct vv__object object;
	unsigned count, bound; /* bound 0: none */
};

static struct vv__slab semaphores = {.size = sizeof(struct vv_semaphore)};

static struct vv_semaphore *make(unsigned count, unsigned bound)
{
	struct vv_semaphore *s = vv__new(&semaphores, VV__T_SEMAPHORE);

	if (s) {
		s->count = count;
		s->bound = bound;
	}
	return s;
}

API struct vv_semaphore *vv_semaphore_new(unsigned count)
{
	return make(count, 0);
}

API struct vv_semaphore *vv_semaphore_new_bounded(unsigned count)
{
	if (count)
		return make(count, count);
	errno = EINVAL;
	return NULL;
}

bool vv__semaphore_is_free(struct vv__object *o)
{
	return ((struct vv_semaphore *)o)->count > 0;
}

API int vv_semaphore_free(struct vv_semaphore *s)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(s, VV__T_SEMAPHORE);

	if (is)
		vv__retire(&s->object);
	return vv__finish(me, is || !s ? 0 : -EBADF);
}

API int vv_semaphore_acquire(struct vv_semaphore *s, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = vv__is(s, VV__T_SEMAPHORE) ? 0 : -EBADF;

	if (r == 0 && s->count)
		s->count--;
	else if (r == 0)
		r = vv__wait_on(me, &s->object, 0, vv__deadline(timeout_ns), "semaphore");
	return vv__finish(me, r);
}

API int vv_semaphore_release(struct vv_semaphore *s)
{
	struct vv_greenlet *me = vv__begin();

	if (!vv__is(s, VV__T_SEMAPHORE))
		return vv__finish(me, -EBADF);
	if ((s->bound && s->count == s->bound) || s->count == UINT32_MAX)
		return vv__finish(me, -EOVERFLOW);
	if (!vv__wake_on(&s->object, 0, 1)) {
		s->count++;
		vv__notify(&s->object);
	}
	return vv__finish(me, 0);
}

API int vv_semaphore_count(struct vv_semaphore *s)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(s, VV__T_SEMAPHORE) ? (int)s->count : -EBADF);
}
