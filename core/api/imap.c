/*
 * Mapping a function over items with a group: one greenlet an item, results in order or as they come.
 *
 * A feeder greenlet spawns them, so that a full pool does not hold up the consumer. Each slot watches its greenlet. Slots
 * lie in pages of their own, since they are given back in a section; each outstanding one holds a reference to the map.
 */
#include "group.h"

#include <sys/mman.h>
#include <sys/syscall.h>

struct slot {
	struct vv__watch watch; /* first */
	struct vv_imap *map;
	struct vv__life *life; /* until it has ended */
	void *item, *value;
	int error;
	bool done;
};

struct vv_imap {
	struct vv__object object;
	struct vv_group *group;
	void *(*fn)(void *);
	struct slot *slots;
	int *order; /* slots in the order of their ends */
	int n, done, taken, feed_error;
	bool ordered;
	size_t bytes;
};

static struct vv__slab maps = {.size = sizeof(struct vv_imap)};

static void give_back(struct vv__object *o)
{
	struct vv_imap *m = (struct vv_imap *)o;

	if (m->slots)
		vv__syscall(SYS_munmap, m->slots, m->bytes);
	if (m->group)
		vv__unref(&m->group->object);
}

static void finish_slot(struct slot *s, void *value, int error)
{
	struct vv_imap *m = s->map;

	s->value = value;
	s->error = error;
	s->done = true;
	m->order[m->done++] = (int)(s - m->slots);
	vv__wake_on(&m->object, 0, INT32_MAX);
}

static void ended(struct vv__watch *w)
{
	struct slot *s = (struct slot *)w;
	struct vv_imap *m = s->map;
	struct vv__life *l = s->life;

	finish_slot(s, l->value, l->failed ? l->error : 0);
	vv__unref(&l->object);
	vv__unref(&m->object);
}

static void *feed(void *map)
{
	struct vv_imap *m = map;
	struct vv_greenlet *me = vv__self, *g;

	for (int i = 0; i < m->n && vv__is(m, VV__T_IMAP); i++) {
		struct slot *s = &m->slots[i];

		g = vv__spawn_in(m->group, m->fn, s->item, VV__FOREVER);
		vv__begin();
		if (g) {
			s->life = g->user; /* the handle's reference is now the slot's */
			vv__ref(&m->object);
			s->watch.notify = ended;
			vv__watch(&s->watch, &s->life->object);
		} else {
			finish_slot(s, NULL, errno);
		}
		vv__end(me);
	}
	return NULL;
}

/* The feeder's end, however it came: what it did not spawn will not come. */
static void fed(struct vv_greenlet *g, void *map)
{
	struct vv_imap *m = map;
	struct vv_greenlet *me = vv__begin();

	for (int i = 0; i < m->n; i++)
		if (!m->slots[i].life && !m->slots[i].done)
			finish_slot(&m->slots[i], NULL, ECANCELED);
	vv__unref(&m->object);
	vv__end(me);
}

static int start_feeder(struct vv_imap *m)
{
	struct vv_greenlet *g = vv_greenlet_new(feed, m), *me;
	int r = g ? vv_link(g, fed, m) : -ENOMEM;

	if (r == 0) {
		me = vv__begin();
		vv__ref(&m->object);
		vv__end(me);
		vv_greenlet_start(g);
	}
	vv_greenlet_free(g);
	return r;
}

static int set_up(struct vv_imap *m, struct vv_group *p, void *const *items, int n)
{
	struct vv_greenlet *me;
	bool is;

	m->object.last = give_back;
	m->bytes = (size_t)(n + 1) * (sizeof *m->slots + sizeof *m->order);
	m->slots = vv__pages(m->bytes);
	if (!m->slots)
		return -ENOMEM;
	m->order = (int *)(m->slots + n);
	m->n = n;
	for (int i = 0; i < n; i++) {
		m->slots[i].map = m;
		m->slots[i].item = items[i];
	}
	me = vv__begin();
	is = vv__is(p, VV__T_GROUP);
	if (is) {
		m->group = p;
		vv__ref(&p->object);
	}
	vv__end(me);
	return is ? start_feeder(m) : -EBADF;
}

static struct vv_imap *start(struct vv_group *p, void *(*fn)(void *), void *const *items, int n, bool ordered)
{
	struct vv_imap *m = n < 0 ? NULL : vv__new(&maps, VV__T_IMAP);
	int r;

	if (!m) {
		errno = n < 0 ? EINVAL : ENOMEM;
		return NULL;
	}
	m->fn = fn;
	m->ordered = ordered;
	r = set_up(m, p, items, n);
	if (r == 0)
		return m;
	vv_imap_free(m);
	errno = -r;
	return NULL;
}

API struct vv_imap *vv_group_imap(struct vv_group *p, void *(*fn)(void *), void *const *items, int n)
{
	return start(p, fn, items, n, true);
}

API struct vv_imap *vv_group_imap_unordered(
    struct vv_group *p, void *(*fn)(void *), void *const *items, int n)
{
	return start(p, fn, items, n, false);
}

static int next(struct vv_greenlet *me, struct vv_imap *m, void **value, int64_t deadline)
{
	struct slot *s;
	int r = 0;

	if (!vv__is(m, VV__T_IMAP))
		return -EBADF;
	if (m->taken == m->n)
		return 0;
	while (r == 0 && (m->ordered ? !m->slots[m->taken].done : m->taken == m->done))
		r = vv__wait_on(me, &m->object, 0, deadline, "result of a map");
	if (r < 0)
		return r;
	s = &m->slots[m->ordered ? m->taken : m->order[m->taken]];
	m->taken++;
	if (value)
		*value = s->value;
	return s->error ? -s->error : 1;
}

API int vv_imap_next(struct vv_imap *m, void **value, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, next(me, m, value, vv__deadline(timeout_ns)));
}

API int vv_imap_free(struct vv_imap *m)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(m, VV__T_IMAP);

	if (is)
		vv__retire(&m->object);
	return vv__finish(me, is || !m ? 0 : -EBADF);
}

API int vv_group_map(struct vv_group *p, void *(*fn)(void *), void *const *items, int n, void **values)
{
	struct vv_imap *m = start(p, fn, items, n, true);
	struct vv_greenlet *me;
	int r = 1, first = 0;

	if (!m)
		return -errno;
	me = vv__begin();
	for (int i = 0; i < n && r != -ECANCELED; i++) {
		r = next(me, m, values ? &values[i] : NULL, VV__FOREVER);
		if (r < 0 && !first)
			first = r;
	}
	vv__retire(&m->object);
	return vv__finish(me, r == -ECANCELED ? r : first);
}
