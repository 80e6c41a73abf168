/*
 * Greenlet locals: a value per greenlet under one handle. Every kind of greenlet has them, threads of the program too.
 */
#include "api.h"

struct vv_local {
	struct vv__object object;
	void (*destroy)(void *);
	void *(*inherit)(void *);
};

struct entry {
	struct entry *next;
	struct vv_local *local; /* referenced */
	void *value;
};

static struct vv__slab locals = {.size = sizeof(struct vv_local)};
static struct vv__slab entries = {.size = sizeof(struct entry)};

API struct vv_local *vv_local_new(void (*destroy)(void *), void *(*inherit)(void *))
{
	struct vv_local *l = vv__new(&locals, VV__T_LOCAL);

	if (l) {
		l->destroy = destroy;
		l->inherit = inherit;
	}
	return l;
}

API int vv_local_free(struct vv_local *l)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(l, VV__T_LOCAL);

	if (is)
		vv__retire(&l->object);
	return vv__finish(me, is || !l ? 0 : -EBADF);
}

static struct entry *find(struct vv_greenlet *g, struct vv_local *l)
{
	struct entry *e = g->locals;

	while (e && e->local != l)
		e = e->next;
	return e;
}

static struct entry *add(struct vv_greenlet *g, struct vv_local *l)
{
	struct entry *e = vv__slab_get(&entries);

	if (!e)
		return NULL;
	e->local = l;
	vv__ref(&l->object);
	e->next = g->locals;
	g->locals = e;
	return e;
}

API int vv_local_set(struct vv_local *l, void *value)
{
	struct vv_greenlet *me = vv__begin();
	struct entry *e;

	if (!vv__is(l, VV__T_LOCAL) || !vv__life(me))
		return vv__finish(me, -EBADF);
	e = find(me, l);
	if (!e)
		e = add(me, l);
	if (e)
		e->value = value;
	return vv__finish(me, e ? 0 : -ENOMEM);
}

API int vv_local_get(struct vv_local *l, void **value)
{
	struct vv_greenlet *me = vv__begin();
	struct entry *e = vv__is(l, VV__T_LOCAL) ? find(me, l) : NULL;

	if (e)
		*value = e->value;
	return vv__finish(me, e ? 0 : vv__is(l, VV__T_LOCAL) ? -ENOENT : -EBADF);
}

API int vv_local_delete(struct vv_local *l)
{
	struct vv_greenlet *me = vv__begin();
	struct entry *e = vv__is(l, VV__T_LOCAL) ? find(me, l) : NULL, **p;

	if (!e)
		return vv__finish(me, vv__is(l, VV__T_LOCAL) ? -ENOENT : -EBADF);
	for (p = (struct entry **)&me->locals; *p != e; p = &(*p)->next)
		;
	*p = e->next;
	vv__unref(&l->object);
	vv__slab_put(&entries, e);
	return vv__finish(me, 0);
}

void vv__locals_end(struct vv_greenlet *g)
{
	struct entry *e;

	while ((e = g->locals)) {
		g->locals = e->next;
		if (e->value && e->local->destroy)
			e->local->destroy(e->value);
		vv__begin();
		vv__unref(&e->local->object);
		vv__slab_put(&entries, e);
		vv__end(g);
	}
}

void vv__locals_inherit(struct vv_greenlet *to, struct vv_greenlet *from)
{
	for (struct entry *e = from->locals, *copy; e; e = e->next) {
		if (!e->local->inherit || !vv__is(e->local, VV__T_LOCAL))
			continue;
		vv__begin();
		copy = add(to, e->local);
		vv__end(from);
		if (copy)
			copy->value = e->local->inherit(e->value);
	}
}
