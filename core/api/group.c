/*
 * Groups and pools: greenlets that are joined, counted and killed together. A pool is a group with a greatest size.
 *
 * A greenlet is in one group at most. It leaves one turn of the run queue after its end: see greenlet.c.
 */
#include "group.h"

enum { ROOM = 1, EMPTY, LEFT };

static struct vv__slab groups = {.size = sizeof(struct vv_group)};

static struct vv_group *make(unsigned size, bool hops)
{
	struct vv_group *p = vv__new(&groups, VV__T_GROUP);

	if (p) {
		p->max = size;
		p->hops = hops;
	}
	return p;
}

API struct vv_group *vv_group_new(void)
{
	return make(0, false);
}

static struct vv_group *make_sized(unsigned size, bool hops)
{
	if (size)
		return make(size, hops);
	errno = EINVAL;
	return NULL;
}

API struct vv_group *vv_pool_new(unsigned size)
{
	return make_sized(size, false);
}

API struct vv_group *vv_threadpool_new(unsigned size)
{
	return make_sized(size, true);
}

bool vv__group_is_empty(struct vv__object *o)
{
	return ((struct vv_group *)o)->count == 0;
}

API int vv_group_free(struct vv_group *p)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(p, VV__T_GROUP);

	while (is && p->first)
		vv__group_left(p->first);
	if (is)
		vv__retire(&p->object);
	return vv__finish(me, is || !p ? 0 : -EBADF);
}

/* ---- members ---- */

static void enter(struct vv_group *p, struct vv__life *l)
{
	l->group = p;
	l->group_next = NULL;
	l->group_prev = p->last;
	if (p->last)
		p->last->group_next = l;
	else
		p->first = l;
	p->last = l;
	p->count++;
	vv__ref(&l->object);
}

void vv__group_left(struct vv__life *l)
{
	struct vv_group *p = l->group;

	if (!p)
		return;
	l->group = NULL;
	if (l->group_prev)
		l->group_prev->group_next = l->group_next;
	else
		p->first = l->group_next;
	if (l->group_next)
		l->group_next->group_prev = l->group_prev;
	else
		p->last = l->group_prev;
	p->count--;
	vv__wake_on(&p->object, ROOM, 1);
	vv__wake_on(&p->object, LEFT, INT32_MAX);
	if (!p->count) {
		vv__wake_on(&p->object, EMPTY, INT32_MAX);
		vv__notify(&p->object);
	}
	vv__unref(&l->object);
}

static bool is_full(const struct vv_group *p)
{
	return p->max && p->count >= p->max;
}

static int await_room(struct vv_greenlet *me, struct vv_group *p, int64_t deadline)
{
	int r = vv__is(p, VV__T_GROUP) ? 0 : -EBADF;
	uint64_t turn = 0;

	while (r == 0 && is_full(p))
		r = vv__wait_in_turn(me, &p->object, ROOM, deadline, &turn, "room in a pool");
	return r;
}

static int add(struct vv_greenlet *me, struct vv_group *p, struct vv__life *l, int64_t deadline)
{
	int r;

	if (!l || !vv__is(p, VV__T_GROUP))
		return -EBADF;
	if (l->group)
		return l->group == p ? 0 : -EBUSY;
	if (l->ready)
		return 0;
	vv__ref(&l->object);
	r = await_room(me, p, deadline);
	if (r == 0 && !l->ready && !l->group)
		enter(p, l);
	vv__unref(&l->object);
	return r;
}

API int vv_group_add(struct vv_group *p, struct vv_greenlet *g, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, add(me, p, vv__life_of(me, g), vv__deadline(timeout_ns)));
}

API int vv_group_discard(struct vv_group *p, struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);
	int r = !l || !vv__is(p, VV__T_GROUP) ? -EBADF : l->group == p ? 0 : -ENOENT;

	if (r == 0)
		vv__group_left(l);
	return vv__finish(me, r);
}

struct vv_greenlet *vv__spawn_in(struct vv_group *p, void *(*fn)(void *), void *arg, int64_t deadline)
{
	struct vv_greenlet *me = vv__begin();
	int r = await_room(me, p, deadline);
	struct vv__life *l;

	if (r == 0)
		p->count++; /* the room is ours while we are out of the section */
	vv__finish(me, r);
	l = r == 0 ? vv__make(fn, arg, NULL, 0) : NULL;
	if (r == 0) {
		vv__begin();
		p->count--;
		if (l) {
			enter(p, l);
			l->hops = p->hops;
			vv__start(l);
		}
		vv__end(me);
	}
	if (r < 0)
		errno = -r;
	return l ? l->g : NULL;
}

API struct vv_greenlet *vv_group_spawn(struct vv_group *p, void *(*fn)(void *), void *arg, int64_t timeout_ns)
{
	return vv__spawn_in(p, fn, arg, vv__deadline(timeout_ns));
}

API int vv_group_apply(struct vv_group *p, void *(*fn)(void *), void *arg, void **value)
{
	struct vv_greenlet *g = vv__spawn_in(p, fn, arg, VV__FOREVER);
	int r = g ? vv_get(g, value, VV_FOREVER) : -errno;

	vv_greenlet_free(g);
	return r;
}

/* ---- all of them ---- */

static int join(struct vv_greenlet *me, struct vv_group *p, int64_t deadline)
{
	int r = 0;

	while (r == 0 && p->count)
		r = vv__wait_on(me, &p->object, EMPTY, deadline, "group");
	return r;
}

API int vv_group_join(struct vv_group *p, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(p, VV__T_GROUP) ? join(me, p, vv__deadline(timeout_ns)) : -EBADF);
}

/* Members may spawn others while they end: until none is left but the caller. */
API int vv_group_kill(struct vv_group *p, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int64_t deadline = vv__deadline(timeout_ns);
	int r = vv__is(p, VV__T_GROUP) ? 0 : -EBADF;

	while (r == 0 && p->count) {
		for (struct vv__life *l = p->first; l; l = l->group_next)
			if (l->g != me)
				vv__kill(l);
		if (p->count == 1 && p->first && p->first->g == me)
			break;
		r = vv__wait_on(me, &p->object, LEFT, deadline, "end of a group");
	}
	return vv__finish(me, r == -EAGAIN ? 0 : r);
}

/* ---- state ---- */

API int vv_group_size(struct vv_group *p)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(p, VV__T_GROUP) ? (int)p->count : -EBADF);
}

API int vv_group_full(struct vv_group *p)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(p, VV__T_GROUP) ? is_full(p) : -EBADF);
}

API int vv_group_free_count(struct vv_group *p)
{
	struct vv_greenlet *me = vv__begin();
	int n = !vv__is(p, VV__T_GROUP) ? -EBADF : !p->max ? INT32_MAX : (int)p->max - (int)p->count;

	return vv__finish(me, n);
}
