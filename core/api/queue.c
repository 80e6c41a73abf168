/*
 * Queues: first in first out, last in first out, by priority, and channels, where a put waits until its item is taken.
 *
 * Items lie in nodes: a list, or for priorities a pairing heap. A put wakes the first getter, which takes what is there
 * when it runs; if another was faster it waits again in front of the rest. The same holds for room and putters.
 */
#include "api.h"

enum { GETTER = 1, PUTTER, JOINER }; /* greater tags are a channel's nodes */

struct node {
	struct node *next, *child; /* child: heap only */
	void *item;
	int64_t priority;
	uint64_t order;
};

struct vv_queue {
	struct vv__object object;
	enum vv_queue_kind kind;
	bool shut;
	size_t max, size, unfinished;
	uint64_t order;
	struct node *first, *last;
};

static struct vv__slab queues = {.size = sizeof(struct vv_queue)};
static struct vv__slab nodes = {.size = sizeof(struct node)};

/* ---- the order of items ---- */

static bool before(const struct node *a, const struct node *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->order < b->order;
}

static struct node *meld(struct node *a, struct node *b)
{
	struct node *low = b;

	if (!a || !b)
		return a ? a : b;
	if (before(a, b)) {
		low = a;
		a = b;
	}
	a->next = low->child;
	low->child = a;
	return low;
}

/* The two passes of a pairing heap, without recursion: meld pairs, then all of those from the last. */
static struct node *meld_children(struct node *n)
{
	struct node *pairs = NULL, *heap = NULL, *next;

	while (n) {
		struct node *a = n, *b = n->next;

		next = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
		n = next;
	}
	for (n = pairs; n; n = next) {
		next = n->next;
		n->next = NULL;
		heap = meld(heap, n);
	}
	return heap;
}

static void add(struct vv_queue *q, struct node *n)
{
	n->order = q->order++;
	q->size++;
	if (q->kind == VV_PRIORITY) {
		q->first = meld(q->first, n);
	} else if (q->kind == VV_LIFO || !q->first) {
		n->next = q->first;
		q->first = n;
		if (!n->next)
			q->last = n;
	} else {
		q->last->next = n;
		q->last = n;
	}
}

static struct node *take(struct vv_queue *q)
{
	struct node *n = q->first;

	q->size--;
	q->first = q->kind == VV_PRIORITY ? meld_children(n->child) : n->next;
	if (!q->first)
		q->last = NULL;
	return n;
}

/* A channel's item that nobody took. */
static bool take_back(struct vv_queue *q, struct node *wanted)
{
	for (struct node **p = &q->first, *before = NULL; *p; before = *p, p = &(*p)->next) {
		if (*p != wanted)
			continue;
		*p = wanted->next;
		if (q->last == wanted)
			q->last = before;
		q->size--;
		vv__slab_put(&nodes, wanted);
		return true;
	}
	return false;
}

static void drop_items(struct vv_queue *q)
{
	while (q->size)
		vv__slab_put(&nodes, take(q));
}

/* ---- life ---- */

static void give_back(struct vv__object *o)
{
	drop_items((struct vv_queue *)o);
}

API struct vv_queue *vv_queue_new(enum vv_queue_kind kind, size_t max)
{
	struct vv_queue *q = kind > VV_CHANNEL ? NULL : vv__new(&queues, VV__T_QUEUE);

	if (kind > VV_CHANNEL)
		errno = EINVAL;
	if (q) {
		q->object.last = give_back;
		q->kind = kind;
		q->max = kind == VV_CHANNEL || !max ? SIZE_MAX : max;
	}
	return q;
}

bool vv__queue_has_some(struct vv__object *o)
{
	return ((struct vv_queue *)o)->size > 0;
}

API int vv_queue_free(struct vv_queue *q)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(q, VV__T_QUEUE);

	if (is)
		vv__retire(&q->object);
	return vv__finish(me, is || !q ? 0 : -EBADF);
}

/* ---- put and get ---- */

static int wait_until_taken(struct vv_greenlet *me, struct vv_queue *q, struct node *n, int64_t deadline)
{
	uintptr_t tag = (uintptr_t)n;
	int r = vv__wait_on(me, &q->object, tag, deadline, "channel");

	if (r == 0 && q->shut)
		r = -EPIPE;
	if (r < 0 && r != -EBADF && !take_back(q, n))
		r = r == -ECANCELED ? r : 0;
	return r;
}

static int wait_for(
    struct vv_greenlet *me, struct vv_queue *q, uintptr_t tag, int64_t deadline, uint64_t *turn)
{
	return vv__wait_in_turn(
	    me, &q->object, tag, deadline, turn, tag == GETTER ? "item of a queue" : "room in a queue");
}

static int put(struct vv_greenlet *me, struct vv_queue *q, void *item, int64_t priority, int64_t deadline)
{
	uint64_t turn = 0;
	struct node *n;
	int r = 0;

	if (!vv__is(q, VV__T_QUEUE))
		return -EBADF;
	while (r == 0 && !q->shut && q->size >= q->max)
		r = wait_for(me, q, PUTTER, deadline, &turn);
	if (r < 0 || q->shut)
		return r < 0 ? r : -EPIPE;
	if (q->kind == VV_CHANNEL && deadline == 0 && vv__waiters(q, GETTER) <= (int)q->size)
		return -EAGAIN;
	n = vv__slab_get(&nodes);
	if (!n)
		return -ENOMEM;
	n->item = item;
	n->priority = priority;
	q->unfinished++;
	add(q, n);
	vv__wake_on(&q->object, GETTER, 1);
	vv__notify(&q->object);
	return q->kind == VV_CHANNEL && deadline ? wait_until_taken(me, q, n, deadline) : 0;
}

API int vv_queue_put(struct vv_queue *q, void *item, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, put(me, q, item, 0, vv__deadline(timeout_ns)));
}

API int vv_queue_put_priority(struct vv_queue *q, void *item, int64_t priority, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, put(me, q, item, priority, vv__deadline(timeout_ns)));
}

static int await_item(struct vv_greenlet *me, struct vv_queue *q, int64_t deadline)
{
	uint64_t turn = 0;
	int r = 0;

	if (!vv__is(q, VV__T_QUEUE))
		return -EBADF;
	while (r == 0 && !q->size)
		r = q->shut ? -EPIPE : wait_for(me, q, GETTER, deadline, &turn);
	return r;
}

API int vv_queue_get(struct vv_queue *q, void **item, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = await_item(me, q, vv__deadline(timeout_ns));
	struct node *n;

	if (r < 0)
		return vv__finish(me, r);
	n = take(q);
	*item = n->item;
	vv__wake_on(&q->object, q->kind == VV_CHANNEL ? (uintptr_t)n : PUTTER, 1);
	vv__slab_put(&nodes, n);
	return vv__finish(me, 0);
}

API int vv_queue_peek(struct vv_queue *q, void **item, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = await_item(me, q, vv__deadline(timeout_ns));

	if (r == 0) {
		*item = q->first->item;
		vv__wake_on(&q->object, GETTER, 1); /* the item is still there for the next */
	}
	return vv__finish(me, r);
}

/* ---- tasks, shutdown, state ---- */

API int vv_queue_task_done(struct vv_queue *q)
{
	struct vv_greenlet *me = vv__begin();
	int r = !vv__is(q, VV__T_QUEUE) ? -EBADF : q->unfinished ? 0 : -EINVAL;

	if (r == 0 && --q->unfinished == 0)
		vv__wake_on(&q->object, JOINER, INT32_MAX);
	return vv__finish(me, r);
}

API int vv_queue_join(struct vv_queue *q, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	int r = vv__is(q, VV__T_QUEUE) ? 0 : -EBADF;

	if (r == 0 && q->unfinished)
		r = vv__wait_on(me, &q->object, JOINER, vv__deadline(timeout_ns), "tasks of a queue");
	return vv__finish(me, r);
}

API int vv_queue_shutdown(struct vv_queue *q, int drop)
{
	struct vv_greenlet *me = vv__begin();
	bool is = vv__is(q, VV__T_QUEUE);

	if (is) {
		q->shut = true;
		if (drop) {
			drop_items(q);
			q->unfinished = 0;
		}
		vv__wake(q, INT32_MAX);
		vv__notify(&q->object);
	}
	return vv__finish(me, is ? 0 : -EBADF);
}

API long vv_queue_size(struct vv_queue *q)
{
	struct vv_greenlet *me = vv__begin();
	long size = vv__is(q, VV__T_QUEUE) ? (long)q->size : -EBADF;

	vv__end(me);
	return size;
}

API int vv_queue_empty(struct vv_queue *q)
{
	long size = vv_queue_size(q);

	return size < 0 ? (int)size : size == 0;
}

API int vv_queue_full(struct vv_queue *q)
{
	struct vv_greenlet *me = vv__begin();

	return vv__finish(me, vv__is(q, VV__T_QUEUE) ? q->size >= q->max : -EBADF);
}
