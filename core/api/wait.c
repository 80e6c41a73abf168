/*
 * Waiting for the first, the first few or all of many objects.
 *
 * A waiter watches each object once; an object that becomes ready, or is freed, puts its number on the waiter's list.
 * The arrays lie in pages of their own, since they are given back in a section.
 */
#include "api.h"

#include <sys/mman.h>
#include <sys/syscall.h>

struct vv_iwait {
	struct vv__object object;
	struct vv__watch *watches;
	void **objects;
	int *order; /* numbers of the ready ones, in the order in which they became ready */
	int n, ready, taken;
	size_t bytes;
};

struct watch {
	struct vv__watch watch; /* first */
	struct vv_iwait *waiter;
	int number;
};

static struct vv__slab waiters = {.size = sizeof(struct vv_iwait)};

bool vv__is_ready(struct vv__object *o);

static struct watch *watch_at(struct vv_iwait *w, int i)
{
	return (struct watch *)w->watches + i;
}

static void became_ready(struct vv__watch *watch)
{
	struct watch *w = (struct watch *)watch;

	w->waiter->order[w->waiter->ready++] = w->number;
	vv__wake_on(&w->waiter->object, 0, 1);
}

static void give_back(struct vv__object *o)
{
	struct vv_iwait *w = (struct vv_iwait *)o;

	for (int i = 0; i < w->n; i++)
		vv__unwatch(&watch_at(w, i)->watch);
	if (w->watches)
		vv__syscall(SYS_munmap, w->watches, w->bytes);
}

static struct vv__object *object_of(void *handle)
{
	struct vv_greenlet *g = handle;
	struct vv__object *o = handle;

	/* A greenlet's handle is its record; every other one is an object. Records do not begin with a type. */
	if (o->type > VV__T_GREENLET && o->type <= VV__T_SERVER && o->slab)
		return o;
	return g->shell_class && g->user && vv__is(g->user, VV__T_GREENLET) ? g->user : NULL;
}

static int set_up(struct vv_iwait *w, void *const *objects, int n)
{
	for (int i = 0; i < n; i++) {
		struct vv__object *o = objects[i] ? object_of(objects[i]) : NULL;
		struct watch *watch = watch_at(w, i);

		if (!o)
			return -EBADF;
		watch->waiter = w;
		watch->number = i;
		watch->watch.notify = became_ready;
		w->objects[i] = objects[i];
		w->n = i + 1;
		if (vv__is_ready(o))
			became_ready(&watch->watch);
		else
			vv__watch(&watch->watch, o);
	}
	return 0;
}

API struct vv_iwait *vv_iwait_new(void *const *objects, int n)
{
	struct vv_iwait *w = vv__new(&waiters, VV__T_WAITER);
	struct vv_greenlet *me;
	int r = 0;

	if (!w || n < 0)
		return NULL;
	w->object.last = give_back;
	w->bytes = (size_t)(n + 1) * (sizeof(struct watch) + sizeof(void *) + sizeof(int));
	w->watches = vv__pages(w->bytes);
	if (w->watches) {
		w->objects = (void **)((struct watch *)w->watches + n);
		w->order = (int *)(w->objects + n);
	}
	me = vv__begin();
	r = w->watches ? set_up(w, objects, n) : -ENOMEM;
	if (r < 0)
		vv__retire(&w->object);
	vv__end(me);
	if (r == 0)
		return w;
	errno = -r;
	return NULL;
}

static int next(struct vv_greenlet *me, struct vv_iwait *w, void **object, int64_t deadline)
{
	int r = 0;

	if (!vv__is(w, VV__T_WAITER))
		return -EBADF;
	if (w->taken == w->n)
		return 0;
	while (w->taken == w->ready && (r = vv__wait_on(me, &w->object, 0, deadline, "any of several")) == 0)
		;
	if (r < 0)
		return r;
	*object = w->objects[w->order[w->taken++]];
	return 1;
}

API int vv_iwait_next(struct vv_iwait *w, void **object, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, next(me, w, object, vv__deadline(timeout_ns)));
}

API int vv_iwait_free(struct vv_iwait *w)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(w, VV__T_WAITER);

	if (is)
		vv__retire(&w->object);
	return vv__finish(me, is || !w ? 0 : -EBADF);
}

API int vv_wait(void *const *objects, int n, int count, int64_t timeout_ns, void **ready)
{
	int64_t deadline = vv__deadline(timeout_ns);
	struct vv_iwait *w = vv_iwait_new(objects, n);
	struct vv_greenlet *me;
	void *object;
	int found = 0, r = 1;

	if (!w)
		return -errno;
	if (count <= 0 || count > n)
		count = n;
	me = vv__begin();
	while (found < count && (r = next(me, w, &object, deadline)) == 1) {
		if (ready)
			ready[found] = object;
		found++;
	}
	vv__retire(&w->object);
	return vv__finish(me, r >= 0 || r == -ETIMEDOUT || r == -EAGAIN ? found : r);
}

API int vv_joinall(
    struct vv_greenlet *const *gs, int n, int count, int64_t timeout_ns, struct vv_greenlet **ready)
{
	return vv_wait((void *const *)gs, n, count, timeout_ns, (void **)ready);
}
