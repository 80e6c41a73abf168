/*
 * Sections, objects, waiting on them: see api.h.
 */
#include "api.h"

#include <string.h>

_Atomic int vv__api_lock;
_Atomic long vv__objects;

void vv__life_ends(struct vv_greenlet *g);

static void start_hub(struct vv_greenlet *me)
{
	if (vv__hub_start(me) < 0)
		vv__die("the hub cannot be started");
	/* A program of the API keeps its contract in main, too. */
	me->cooperative = true;
}

struct vv_greenlet *vv__begin(void)
{
	struct vv_greenlet *me = vv__me();

	if (vv__unlikely(!atomic_load_explicit(&vv__started, memory_order_relaxed)) && !me->is_hub &&
	    !me->native)
		start_hub(me);
	if (vv__likely(!me->native))
		vv__enter(me);
	else
		me->inside = 1;
	vv__lock(&vv__api_lock);
	vv__hooks.vv_ends = vv__life_ends;
	return me;
}

static void leave_native(struct vv_greenlet *me)
{
	if (me->is_hub)
		return;
	me->inside = 0;
	if (vv__has_signals(me))
		vv__hooks.run_handlers(me);
}

void vv__end(struct vv_greenlet *me)
{
	vv__unlock(&vv__api_lock);
	if (vv__likely(!me->native))
		vv__leave(me);
	else
		leave_native(me);
}

int vv__finish(struct vv_greenlet *me, int r)
{
	vv__end(me);
	if (vv__unlikely(r == -ECANCELED))
		vv__unwind(me, me->shell_class ? VV_KILLED : PTHREAD_CANCELED);
	return r;
}

int64_t vv__deadline(int64_t timeout_ns)
{
	int64_t now;

	if (timeout_ns <= 0 || timeout_ns == VV_FOREVER)
		return timeout_ns <= 0 ? 0 : VV__FOREVER;
	now = vv__now();
	return timeout_ns > VV__FOREVER - 1 - now ? VV__FOREVER - 1 : now + timeout_ns;
}

/* ---- waiting ---- */

static void queued(void *greenlet)
{
	struct vv_greenlet *me = greenlet;

	vv__unlock(&vv__api_lock);
	if (me->native)
		me->inside = 0;
}

static int wait_on(struct vv_greenlet *me, struct vv__object *o, struct vv__park *p)
{
	struct vv__life *l = me->user;
	uint32_t type = o->type;
	int r;

	if (p->deadline == 0)
		return -EAGAIN;
	if (me->is_hub || (l && l->no_block))
		return -EPERM;
	p->key = o;
	p->then = queued;
	p->arg = me;
	vv__ref(o);
	r = me->native ? vv__park_on(p) : vv__park_entered(me, p);
	if (vv__unlikely(r == -ENOMEM))
		vv__die("out of memory for a wait");
	vv__begin();
	if (o->type != type && r != -ECANCELED)
		r = -EBADF;
	vv__unref(o);
	return r;
}

int vv__wait_on(
    struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, int64_t deadline, const char *what)
{
	struct vv__park p = {.tag = tag, .deadline = deadline, .flags = VV__CANCEL | VV__API, .what = what};

	return wait_on(me, o, &p);
}

int vv__wait_in_turn(struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, int64_t deadline,
    uint64_t *turn, const char *what)
{
	struct vv__park p = {
	    .tag = tag, .deadline = deadline, .flags = VV__CANCEL | VV__API, .what = what, .turn = turn};

	return wait_on(me, o, &p);
}

int vv__wait_surely(struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, const char *what)
{
	struct vv__park p = {.tag = tag, .deadline = VV__FOREVER, .what = what};

	return wait_on(me, o, &p);
}

/* ---- objects ---- */

void *vv__new(struct vv__slab *slab, enum vv__type type)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__object *o = vv__slab_get(slab);

	if (o) {
		o->type = type;
		o->refs = 1;
		o->slab = slab;
		atomic_fetch_add_explicit(&vv__objects, 1, memory_order_relaxed);
	}
	vv__end(me);
	if (!o)
		errno = ENOMEM;
	return o;
}

void vv__ref(struct vv__object *o)
{
	o->refs++;
}

void vv__unref(struct vv__object *o)
{
	if (--o->refs)
		return;
	o->type = 0;
	atomic_fetch_sub_explicit(&vv__objects, 1, memory_order_relaxed);
	if (o->last)
		o->last(o);
	if (o->slab)
		vv__slab_put(o->slab, o);
}

void vv__retire(struct vv__object *o)
{
	o->type = 0;
	vv__notify(o);
	vv__wake(o, INT32_MAX);
	vv__unref(o);
}

API size_t vv_objects(void)
{
	return (size_t)atomic_load(&vv__objects);
}

/* ---- watching ---- */

void vv__watch(struct vv__watch *w, struct vv__object *o)
{
	struct vv__watch **p = &o->watches, *prev = NULL;

	while (*p) {
		prev = *p;
		p = &prev->next;
	}
	*p = w;
	w->prev = prev;
	w->next = NULL;
	w->object = o;
}

void vv__unwatch(struct vv__watch *w)
{
	if (!w->object)
		return;
	if (w->prev)
		w->prev->next = w->next;
	else
		w->object->watches = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->object = NULL;
}

void vv__notify(struct vv__object *o)
{
	struct vv__watch *w;

	while ((w = o->watches)) {
		vv__unwatch(w);
		w->notify(w);
	}
}
