/*
 * vv greenlets: making, starting, ending, killing, their state.
 *
 * The record has a reference for the handle, one while the greenlet is scheduled or runs, and one for each waiter. An
 * ended greenlet that has callbacks (links, a group) waits one turn of the run queue before it calls them, as gevent's
 * hub does: so a group still counts those that have ended in this turn.
 */
#include "api.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 160, STACK_LEAST = 16 * 1024 };

struct vv__later {
	struct vv__wait timer; /* first: its address is the timer's */
	struct vv__life *life;
};

static struct vv__slab lives = {.size = sizeof(struct vv__life)};
static struct vv__slab laters = {.size = sizeof(struct vv__later)};
static struct vv__slab links = {.size = sizeof(struct vv__link)};
static struct vv__slab messages = {.size = MESSAGE_BYTES};
static _Atomic size_t stack_size = 120 * 1024;
static void (*on_error)(struct vv_greenlet *, int, const char *);

API const char vv_killed[] = "exit";

/* ---- the API's part ---- */

static void life_is_over(struct vv__object *o)
{
	struct vv__life *l = (struct vv__life *)o;

	if (l->message)
		vv__slab_put(&messages, l->message);
	l->message = NULL;
	if (!l->started || atomic_exchange(&l->g->join_state, VV__DETACHED) == VV__ENDED)
		vv__drop(l->g);
}

struct vv__life *vv__life(struct vv_greenlet *g)
{
	struct vv__life *l = g->user;

	if (l || !(l = vv__slab_get(&lives)))
		return l;
	l->g = g;
	l->started = true;
	l->object.refs = 1;
	l->object.slab = &lives;
	g->user = l;
	return l;
}

struct vv__life *vv__life_of(struct vv_greenlet *me, struct vv_greenlet *g)
{
	struct vv__life *l = g ? g->user : NULL;

	if (!l || !g->shell_class)
		return NULL;
	return g == me || vv__is(l, VV__T_GREENLET) ? l : NULL;
}

/* ---- a greenlet's run ---- */

static void *body(void *unused)
{
	struct vv_greenlet *g = vv__self;
	struct vv__life *l = g->user;
	void *value;

	if (vv__cancel_pending(g))
		return VV_KILLED;
	if (!l->hops)
		return l->fn(l->arg);
	vv__hop();
	value = l->fn(l->arg);
	vv__hop_back();
	return value;
}

struct vv__life *vv__make(void *(*fn)(void *), void *arg, const void *data, size_t size)
{
	struct vv_greenlet *g = vv__light(atomic_load(&stack_size), body, data, size);
	struct vv__life *l = g ? g->user : NULL;

	if (!l) {
		errno = ENOMEM;
		return NULL;
	}
	l->g = g;
	l->fn = fn;
	l->arg = data ? g->arg : arg;
	l->object.type = VV__T_GREENLET;
	l->object.refs = 1;
	l->object.last = life_is_over;
	atomic_fetch_add_explicit(&vv__objects, 1, memory_order_relaxed);
	vv__locals_inherit(g, vv__self);
	return l;
}

void vv__start(struct vv__life *l)
{
	if (l->started)
		return;
	l->started = true;
	vv__ref(&l->object);
	vv__go(l->g);
}

static void report(struct vv__life *l)
{
	if (on_error)
		on_error(l->g, l->error, l->message ? l->message : "");
	else
		vv__log("greenlet %lu%s%s failed: %s (error %d)", l->g->id, l->g->name[0] ? " " : "",
		    l->g->name, l->message ? l->message : "", l->error);
}

static void call_links(struct vv_greenlet *g, struct vv__life *l)
{
	struct vv__link *link;

	vv__yield();
	l->no_block = true;
	for (;;) {
		vv__begin();
		link = l->links;
		if (link)
			l->links = link->next;
		else
			l->told = true;
		vv__end(g);
		if (!link)
			break;
		link->fn(g, link->arg);
		vv__slab_put(&links, link);
	}
	l->no_block = false;
}

static void end_of_other(struct vv_greenlet *g, struct vv__life *l)
{
	vv__begin();
	vv__timeouts_end(l);
	g->user = NULL;
	vv__slab_put(&lives, l);
	vv__end(g);
	vv__locals_end(g);
}

/* On the greenlet itself, after its body, in program code. */
void vv__life_ends(struct vv_greenlet *g)
{
	struct vv__life *l = g->user;
	bool callbacks;

	atomic_fetch_or(g->cancel, VV__CANCEL_DISABLED);
	if (!g->shell_class) {
		end_of_other(g, l);
		return;
	}
	if (l->failed)
		report(l);
	vv__begin();
	vv__timeouts_end(l);
	l->value = l->failed ? NULL : g->value;
	l->ready = true;
	callbacks = l->links || l->group;
	vv__notify(&l->object);
	vv__wake(&l->object, INT32_MAX);
	vv__end(g);
	if (callbacks)
		call_links(g, l);
	vv__locals_end(g);
	vv__begin();
	l->told = true;
	vv__group_left(l);
	vv__unref(&l->object);
	vv__end(g);
}

/* ---- making and starting ---- */

API struct vv_greenlet *vv_greenlet_new(void *(*fn)(void *), void *arg)
{
	struct vv__life *l = vv__make(fn, arg, NULL, 0);

	return l ? l->g : NULL;
}

API struct vv_greenlet *vv_greenlet_new_with(void *(*fn)(void *), const void *data, size_t size)
{
	struct vv__life *l = vv__make(fn, NULL, data, size);

	return l ? l->g : NULL;
}

static struct vv_greenlet *started(struct vv__life *l)
{
	struct vv_greenlet *me;

	if (!l)
		return NULL;
	me = vv__begin();
	vv__start(l);
	vv__end(me);
	return l->g;
}

API struct vv_greenlet *vv_spawn(void *(*fn)(void *), void *arg)
{
	return started(vv__make(fn, arg, NULL, 0));
}

API struct vv_greenlet *vv_spawn_with(void *(*fn)(void *), const void *data, size_t size)
{
	return started(vv__make(fn, NULL, data, size));
}

API int vv_go(void *(*fn)(void *), void *arg)
{
	struct vv_greenlet *g = vv_spawn(fn, arg);

	if (!g)
		return -ENOMEM;
	return vv_greenlet_free(g);
}

API int vv_greenlet_start(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);

	if (l)
		vv__start(l);
	return vv__finish(me, l ? 0 : -EBADF);
}

/* ---- later ---- */

static void forget_later(struct vv__life *l)
{
	struct vv__later *later = l->later;

	if (!later)
		return;
	l->later = NULL;
	vv__timer_stop(&later->timer);
	vv__slab_put(&laters, later);
	atomic_fetch_sub(&vv__live, 1);
	vv__unref(&l->object);
}

/* In the hub. */
static void its_time_has_come(struct vv__wait *timer)
{
	struct vv__life *l = ((struct vv__later *)timer)->life;

	vv__lock(&vv__api_lock);
	vv__start(l);
	forget_later(l);
	vv__unlock(&vv__api_lock);
}

static int start_later(struct vv_greenlet *me, struct vv__life *l, int64_t delay_ns)
{
	if (me->native)
		return -EPERM;
	if (l->started || l->later)
		return -EALREADY;
	l->later = vv__slab_get(&laters);
	if (!l->later)
		return -ENOMEM;
	l->later->life = l;
	if (vv__timer_start(&l->later->timer, vv__now() + (delay_ns < 0 ? 0 : delay_ns), its_time_has_come) <
	    0) {
		vv__slab_put(&laters, l->later);
		l->later = NULL;
		return -ENOMEM;
	}
	vv__ref(&l->object);
	atomic_fetch_add(&vv__live, 1); /* until then a call that blocks is not alone on its kernel thread */
	return 0;
}

API int vv_greenlet_start_later(struct vv_greenlet *g, int64_t delay_ns)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);

	return vv__finish(me, l ? start_later(me, l, delay_ns) : -EBADF);
}

API struct vv_greenlet *vv_spawn_later(int64_t delay_ns, void *(*fn)(void *), void *arg)
{
	struct vv_greenlet *g = vv_greenlet_new(fn, arg);
	int r;

	if (!g)
		return NULL;
	r = vv_greenlet_start_later(g, delay_ns);
	if (r < 0) {
		vv_greenlet_free(g);
		errno = -r;
		return NULL;
	}
	return g;
}

API int vv_greenlet_free(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = g ? g->user : NULL;

	if (!l || !g->shell_class || !vv__is(l, VV__T_GREENLET))
		return vv__finish(me, g ? -EBADF : 0);
	vv__retire(&l->object);
	return vv__finish(me, 0);
}

/* ---- joining ---- */

static int join(struct vv_greenlet *me, struct vv__life *l, int64_t timeout_ns)
{
	int64_t deadline = vv__deadline(timeout_ns);
	int r = 0;

	if (l->g == me)
		return -EDEADLK;
	while (!l->ready && (r = vv__wait_on(me, &l->object, 0, deadline, "greenlet")) == 0)
		;
	return r;
}

API int vv_join(struct vv_greenlet *g, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);

	return vv__finish(me, l ? join(me, l, timeout_ns) : -EBADF);
}

API int vv_get(struct vv_greenlet *g, void **value, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);
	int r = l ? join(me, l, timeout_ns) : -EBADF;

	if (r == 0 && l->failed)
		r = -l->error;
	if (r == 0 && value)
		*value = l->value;
	return vv__finish(me, r);
}

/* ---- killing ---- */

void vv__kill(struct vv__life *l)
{
	if (l->ready)
		return;
	l->g->value = VV_KILLED;
	atomic_fetch_or(l->g->cancel, VV__CANCEL_CANCELED);
	vv__start(l);
	forget_later(l);
	vv__interrupt(l->g);
}

API int vv_kill(struct vv_greenlet *g, int64_t timeout_ns)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);

	if (!l)
		return vv__finish(me, -EBADF);
	vv__kill(l);
	if (g == me)
		return vv__finish(me, vv__cancel_pending(me) ? -ECANCELED : -EDEADLK);
	return vv__finish(me, timeout_ns <= 0 ? 0 : join(me, l, timeout_ns));
}

API int vv_killall(struct vv_greenlet *const *gs, int n, int64_t timeout_ns)
{
	int r = 0;

	for (int i = 0; i < n; i++)
		if (gs[i] != vv__me() && (r = vv_kill(gs[i], 0)) < 0)
			return r;
	if (timeout_ns <= 0)
		return 0;
	r = vv_joinall(gs, n, n, timeout_ns, NULL);
	return r < 0 ? r : r == n ? 0 : -ETIMEDOUT;
}

API void vv_exit(void *value)
{
	vv__unwind(vv__me(), value);
}

API void vv_fail(int error, const char *format, ...)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life(me);
	va_list ap;

	if (l) {
		l->failed = true;
		l->error = error;
		if (!l->message)
			l->message = vv__slab_get(&messages);
	}
	vv__end(me);
	if (l && l->message) {
		va_start(ap, format);
		vsnprintf(l->message, MESSAGE_BYTES, format, ap);
		va_end(ap);
	}
	if (l && !me->shell_class)
		report(l);
	vv__unwind(me, NULL);
}

/* ---- state ---- */

#define STATE(type, name, none, expression)                                                                  \
	API type name(struct vv_greenlet *g)                                                                 \
	{                                                                                                    \
		struct vv_greenlet *me = vv__begin();                                                        \
		struct vv__life *l = vv__life_of(me, g);                                                     \
		type result = l ? (expression) : (none);                                                     \
		vv__end(me);                                                                                 \
		return result;                                                                               \
	}

STATE(int, vv_started, -EBADF, l->started || l->later)
STATE(int, vv_ready, -EBADF, l->ready)
STATE(int, vv_successful, -EBADF, l->ready && !l->failed)
STATE(void *, vv_value, NULL, l->ready ? l->value : NULL)
STATE(int, vv_error, -EBADF, l->ready && l->failed ? l->error : 0)
STATE(const char *, vv_message, NULL, l->ready && l->failed ? l->message : NULL)

API struct vv_greenlet *vv_current(void)
{
	return vv__me();
}

API uint64_t vv_greenlet_id(struct vv_greenlet *g)
{
	return g ? g->id : 0;
}

API const char *vv_greenlet_name(struct vv_greenlet *g)
{
	return g ? g->name : "";
}

API void vv_greenlet_set_name(struct vv_greenlet *g, const char *name)
{
	if (g)
		snprintf(g->name, sizeof g->name, "%s", name);
}

API int vv_stack_size(size_t bytes)
{
	if (bytes < STACK_LEAST || bytes > 1ul << 32)
		return -EINVAL;
	atomic_store(&stack_size, bytes);
	return 0;
}

API void vv_on_error(void (*fn)(struct vv_greenlet *, int, const char *))
{
	on_error = fn;
}

/* ---- links ---- */

struct late {
	void (*fn)(struct vv_greenlet *, void *);
	struct vv_greenlet *g;
	void *arg;
};

/* A link to a greenlet that has ended: called by one of its own. */
static void *call_late(void *late)
{
	struct late *c = late;
	struct vv__life *l = vv__self->user;

	l->no_block = true;
	c->fn(c->g, c->arg);
	l->no_block = false;
	return NULL;
}

static int link_late(struct vv_greenlet *g, void (*fn)(struct vv_greenlet *, void *), void *arg)
{
	struct late c = {fn, g, arg};
	struct vv_greenlet *runner = vv_spawn_with(call_late, &c, sizeof c);

	return runner ? vv_greenlet_free(runner) : -ENOMEM;
}

API int vv_link(struct vv_greenlet *g, void (*fn)(struct vv_greenlet *, void *), void *arg)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);
	struct vv__link *link;
	bool told = l && l->told;

	link = l && !told ? vv__slab_get(&links) : NULL;
	if (link) {
		*link = (struct vv__link){.fn = fn, .arg = arg};
		if (l->links)
			l->last_link->next = link;
		else
			l->links = link;
		l->last_link = link;
	}
	vv__end(me);
	if (told)
		return link_late(g, fn, arg);
	return link ? 0 : l ? -ENOMEM : -EBADF;
}

API int vv_unlink(struct vv_greenlet *g, void (*fn)(struct vv_greenlet *, void *), void *arg)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = vv__life_of(me, g);
	struct vv__link *link = NULL, *before = NULL;

	if (!l)
		return vv__finish(me, -EBADF);
	for (link = l->links; link && (link->fn != fn || link->arg != arg); link = link->next)
		before = link;
	if (link) {
		*(before ? &before->next : &l->links) = link->next;
		if (l->last_link == link)
			l->last_link = before;
		vv__slab_put(&links, link);
	}
	return vv__finish(me, link ? 0 : -ENOENT);
}

/* ---- sleeping ---- */

API int vv_sleep(int64_t ns)
{
	static struct vv__object nothing = {.type = 1, .refs = 1};
	struct vv_greenlet *me;
	int r;

	if (ns <= 0)
		return vv_yield();
	me = vv__begin();
	r = vv__wait_on(me, &nothing, (uintptr_t)me, vv__deadline(ns), "sleep");
	return vv__finish(me, r == -ETIMEDOUT ? 0 : r);
}

static int pending(struct vv_greenlet *me)
{
	if (vv__cancel_pending(me))
		return -ECANCELED;
	return atomic_load(&me->raised) ? vv__raised_error(me, VV__API) : 0;
}

API int vv_yield(void)
{
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = me->user;
	int r = pending(me);

	if (me->is_hub || (l && l->no_block))
		r = -EPERM;
	if (r < 0)
		return vv__finish(me, r);
	vv__end(me);
	vv__yield();
	vv__begin();
	return vv__finish(me, pending(me));
}

API int vv_idle(void)
{
	struct vv__park p = {.key = &vv__hub.idle,
	    .deadline = VV__FOREVER,
	    .flags = VV__CANCEL | VV__API,
	    .what = "nothing to do"};
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = me->user;
	bool allowed = !me->native && !(l && l->no_block);
	int r;

	vv__end(me);
	r = allowed ? vv__park_on(&p) : -EPERM;
	vv__begin();
	return vv__finish(me, r);
}
