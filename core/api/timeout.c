/*
 * Time-outs: a timer that ends whatever call its greenlet blocks in.
 *
 * The hub raises the error in the greenlet; the next wait that is a cancellation point ends with it, once. An armed
 * time-out counts as something alive, so that calls of a lone greenlet are not the real ones, which nobody could end.
 */
#include "api.h"

struct vv_timeout {
	struct vv__object object;
	struct vv__wait timer;
	struct vv__life *life; /* null: not armed */
	struct vv_timeout *next;
	struct vv_greenlet *g;
	int error;
	bool expired;
};

static struct vv__slab timeouts = {.size = sizeof(struct vv_timeout)};

static void disarm(struct vv_timeout *t)
{
	struct vv_timeout **p;

	if (!t->life)
		return;
	for (p = &t->life->timeouts; *p && *p != t; p = &(*p)->next)
		;
	if (*p)
		*p = t->next;
	t->life = NULL;
	vv__timer_stop(&t->timer);
	atomic_fetch_sub(&vv__live, 1);
}

/* In the hub. */
static void expire(struct vv__wait *timer)
{
	struct vv_timeout *t = (struct vv_timeout *)((char *)timer - offsetof(struct vv_timeout, timer));
	struct vv__life *l = t->life;

	vv__lock(&vv__api_lock);
	disarm(t);
	t->expired = true;
	l->raiser = t;
	vv__raise(t->g, t->error);
	vv__unlock(&vv__api_lock);
}

void vv__timeouts_end(struct vv__life *l)
{
	while (l->timeouts)
		disarm(l->timeouts);
	l->raiser = NULL;
	l->g->raised = 0;
}

static int arm(struct vv_greenlet *me, struct vv_timeout *t, int64_t ns)
{
	struct vv__life *l = vv__life(me);
	int r;

	if (me->native || !l)
		return me->native ? -EPERM : -ENOMEM;
	disarm(t);
	t->expired = false;
	t->g = me;
	if (ns == VV_FOREVER)
		return 0;
	r = vv__timer_start(&t->timer, ns <= 0 ? vv__now() : vv__deadline(ns), expire);
	if (r < 0)
		return r;
	t->life = l;
	t->next = l->timeouts;
	l->timeouts = t;
	atomic_fetch_add(&vv__live, 1);
	return 0;
}

API struct vv_timeout *vv_timeout_start(int64_t ns, int error)
{
	struct vv_timeout *t = vv__new(&timeouts, VV__T_TIMEOUT);
	struct vv_greenlet *me;
	int r;

	if (!t)
		return NULL;
	me = vv__begin();
	t->error = error > 0 ? error : ETIME;
	r = arm(me, t, ns);
	if (r < 0)
		vv__retire(&t->object);
	vv__end(me);
	if (r == 0)
		return t;
	errno = -r;
	return NULL;
}

API int vv_timeout_restart(struct vv_timeout *t, int64_t ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(t, VV__T_TIMEOUT) ? arm(me, t, ns) : -EBADF);
}

/* Raised, but not yet delivered: forget it. */
static void take_back(struct vv_timeout *t)
{
	struct vv__life *l = t->g->user;

	if (!t->expired || !l || l->raiser != t)
		return;
	l->raiser = NULL;
	atomic_store(&t->g->raised, 0);
}

API int vv_timeout_cancel(struct vv_timeout *t)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(t, VV__T_TIMEOUT);

	if (is) {
		if (!me->native)
			disarm(t);
		take_back(t);
	}
	return vv__finish(me, !is ? -EBADF : t->life ? -EPERM : 0);
}

API int vv_timeout_free(struct vv_timeout *t)
{
	int r = t ? vv_timeout_cancel(t) : 0;
	struct vv_greenlet *me;

	if (r < 0 || !t)
		return r;
	me = vv__begin();
	vv__retire(&t->object);
	return vv__finish(me, 0);
}

API int vv_timeout_pending(struct vv_timeout *t)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(t, VV__T_TIMEOUT) ? t->life != NULL : -EBADF);
}

API int vv_timeout_expired(struct vv_timeout *t)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(t, VV__T_TIMEOUT) ? t->expired : -EBADF);
}

API int vv_with_timeout(int64_t ns, void *(*fn)(void *), void *arg, void **value)
{
	struct vv_greenlet *g = vv_spawn(fn, arg), *me;
	struct vv__life *l;
	int r;

	if (!g)
		return -ENOMEM;
	r = ns <= 0 ? vv_yield() : 0;
	me = vv__begin();
	l = g->user;
	while (r == 0 && !l->ready)
		r = vv__wait_on(
		    me, &l->object, 0, ns <= 0 ? 0 : vv__deadline(ns), "function with a time limit");
	if (r == 0 && l->failed)
		r = -l->error;
	if (r == 0 && value)
		*value = l->value;
	if (!l->ready)
		vv__kill(l);
	vv__retire(&l->object);
	return vv__finish(me, r == -ETIMEDOUT || r == -EAGAIN ? -ETIME : r);
}
