/*
 * Locks that their owner may take again, and conditions on them.
 *
 * A release with waiters promises the lock to the first of them: nobody can take it in between.
 */
#include "api.h"

struct vv_lock {
	struct vv__object object;
	struct vv_greenlet *owner;
	unsigned depth;
	bool promised;
};

struct vv_condition {
	struct vv__object object;
	struct vv_lock *lock;
	bool own; /* the lock was made with it */
};

static struct vv__slab locks = {.size = sizeof(struct vv_lock)};
static struct vv__slab conditions = {.size = sizeof(struct vv_condition)};

/* ---- locks ---- */

API struct vv_lock *vv_lock_new(void)
{
	return vv__new(&locks, VV__T_LOCK);
}

API int vv_lock_free(struct vv_lock *l)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(l, VV__T_LOCK);

	if (is)
		vv__retire(&l->object);
	return vv__finish(me, is || !l ? 0 : -EBADF);
}

static int acquire(struct vv_greenlet *me, struct vv_lock *l, int64_t deadline, bool surely)
{
	int r = 0;

	if (!vv__is(l, VV__T_LOCK))
		return -EBADF;
	if (l->owner == me) {
		l->depth++;
		return 0;
	}
	if (l->owner || l->promised) {
		r = surely ? vv__wait_surely(me, &l->object, 0, "lock")
			   : vv__wait_on(me, &l->object, 0, deadline, "lock");
		if (r < 0)
			return r;
		l->promised = false;
	}
	l->owner = me;
	l->depth = 1;
	return 0;
}

static void let_go(struct vv_lock *l)
{
	l->owner = NULL;
	l->depth = 0;
	l->promised = vv__wake_on(&l->object, 0, 1) > 0;
}

API int vv_lock_acquire(struct vv_lock *l, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, acquire(me, l, vv__deadline(timeout_ns), false));
}

API int vv_lock_release(struct vv_lock *l)
{
	struct vv_greenlet *me = vv__begin();
	int r = !vv__is(l, VV__T_LOCK) ? -EBADF : l->owner != me ? -EPERM : 0;

	if (r == 0 && --l->depth == 0)
		let_go(l);
	return vv__finish(me, r);
}

API int vv_lock_owned(struct vv_lock *l)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(l, VV__T_LOCK) ? l->owner == me : -EBADF);
}

/* ---- conditions ---- */

API struct vv_condition *vv_condition_new(struct vv_lock *lock)
{
	struct vv_condition *c = vv__new(&conditions, VV__T_CONDITION);

	if (!c)
		return NULL;
	c->own = !lock;
	c->lock = lock ? lock : vv_lock_new();
	if (c->lock)
		return c;
	vv_condition_free(c);
	errno = ENOMEM;
	return NULL;
}

API int vv_condition_free(struct vv_condition *c)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(c, VV__T_CONDITION);

	if (is) {
		if (c->own && vv__is(c->lock, VV__T_LOCK))
			vv__retire(&c->lock->object);
		vv__retire(&c->object);
	}
	return vv__finish(me, is || !c ? 0 : -EBADF);
}

API struct vv_lock *vv_condition_lock(struct vv_condition *c)
{
	return vv__is(c, VV__T_CONDITION) ? c->lock : NULL;
}

static int check(struct vv_greenlet *me, struct vv_condition *c)
{
	if (!vv__is(c, VV__T_CONDITION) || !vv__is(c->lock, VV__T_LOCK))
		return -EBADF;
	return c->lock->owner == me ? 0 : -EPERM;
}

API int vv_condition_wait(struct vv_condition *c, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = check(me, c), again;
	struct vv_lock *l;
	unsigned depth;

	if (r < 0 || timeout_ns <= 0)
		return vv__finish(me, r < 0 ? r : -EAGAIN);
	l = c->lock;
	depth = l->depth;
	vv__ref(&l->object);
	let_go(l);
	r = vv__wait_on(me, &c->object, 0, vv__deadline(timeout_ns), "condition");
	again = acquire(me, l, VV__FOREVER, true);
	if (again == 0)
		l->depth = depth;
	vv__unref(&l->object);
	return vv__finish(me, r == 0 ? again : r);
}

API int vv_condition_notify(struct vv_condition *c, int n)
{
	struct vv_greenlet *me = vv__begin();
	int r = check(me, c);

	return vv__finish(me, r < 0 ? r : vv__wake_on(&c->object, 0, n < 0 ? INT32_MAX : n));
}
