/*
 * Waiting, the part that all waits share: begin, sleep until somebody changes the wait's state, look at signals and
 * cancellation on the way, end. Called inside the hub.
 *
 * A wake that is not meant for the innermost wait (a signal, a wake for the wait that a handler interrupted) only
 * makes the loop turn once more.
 */
#include "hub.h"

static struct vv__slab waits = {.size = sizeof(struct vv__wait)};

struct vv__wait *vv__wait_begin(struct vv_greenlet *g, uint8_t kind, int64_t deadline, const char *what)
{
	struct vv__wait *w = g->wait ? vv__slab_get(&waits) : &g->wait1;

	if (!w)
		return NULL;
	w->g = g;
	w->outer = g->wait;
	w->kind = kind;
	w->deadline = deadline;
	w->heap_index = 0;
	w->since = g->native ? vv__now() : g->hub->now;
	w->what = what;
	w->nnodes = 0;
	w->key = NULL;
	if (deadline != VV__FOREVER)
		vv__wall_begin(w);
	w->frame = (uintptr_t)__builtin_frame_address(0);
	atomic_store_explicit(&w->state, VV__QUEUED, memory_order_relaxed);
	g->wait = w;
	return w;
}

void vv__wait_end(struct vv_greenlet *g, struct vv__wait *w)
{
	if (w->heap_index) {
		vv__regain(g);
		vv__deadline_disarm(w);
	}
	g->wait = w->outer;
	if (w != &g->wait1)
		vv__slab_put(&waits, w);
}

/* The greenlet has said that it is parked, but will not sleep: take that back, or consume the wake that came. */
static void stay(struct vv_greenlet *g)
{
	uint8_t parked = VV__PARKED;

	if (!atomic_compare_exchange_strong(&g->state, &parked, VV__RUNNING))
		vv__suspend(g);
}

bool vv__wait_unqueue(struct vv__wait *w)
{
	if (w->kind == VV__WAIT_ADDRESS) {
		if (!vv__unqueue_address(w, VV__TIMED_OUT))
			return false;
	} else {
		vv__unqueue_fds(w);
		atomic_store(&w->state, VV__TIMED_OUT);
	}
	vv__deadline_disarm(w);
	return true;
}

/* The hub found the deadline reached. */
void vv__wait_expired(struct vv__wait *w)
{
	if (w->kind == VV__TIMER) {
		w->expire(w);
		return;
	}
	if (vv__wait_unqueue(w))
		vv__ready(w->g);
}

static void arm(struct vv__wait *w)
{
	if (w->deadline != VV__FOREVER && vv__deadline_arm(w) < 0)
		vv__die("out of memory for a deadline");
}

/* Time does not run out while handlers run: what wakes the wait meanwhile comes first, as in the kernel. */
static uint8_t run_handlers(struct vv_greenlet *g, struct vv__wait *w)
{
	uint8_t before = g->handled, ran;

	g->handled = 0;
	vv__deadline_disarm(w);
	vv__leave(g);
	vv__enter(g);
	if (w->deadline != VV__FOREVER && w->wall)
		w->deadline = vv__deadline_of_wall(w->wall);
	if (atomic_load(&w->state) == VV__QUEUED)
		arm(w);
	ran = g->handled;
	g->handled = before;
	return ran;
}

int vv__raised_error(struct vv_greenlet *g, unsigned flags)
{
	int error = atomic_exchange(&g->raised, 0);

	return flags & VV__API ? -error : -ETIME;
}

/* Resumed, yet still queued: a cancellation, a raised error or a signal. Returns what ends the wait, or 0. */
static int interruption(struct vv_greenlet *g, struct vv__wait *w, unsigned flags)
{
	uint8_t ran;

	if (flags & VV__CANCEL && vv__cancel_pending(g)) {
		vv__regain(g);
		return vv__wait_unqueue(w) ? -ECANCELED : 0;
	}
	if (flags & VV__SINCE && g->handled) {
		vv__regain(g);
		return vv__wait_unqueue(w) ? -EINTR : 0;
	}
	if (flags & VV__CANCEL && vv__unlikely(atomic_load(&g->raised))) {
		vv__regain(g);
		return vv__wait_unqueue(w) ? vv__raised_error(g, flags) : 0;
	}
	if (!vv__has_signals(g))
		return 0;
	vv__regain(g);
	ran = run_handlers(g, w);
	if (flags & VV__CANCEL && vv__cancel_pending(g))
		return vv__wait_unqueue(w) ? -ECANCELED : 0;
	if (!ran || !(flags & VV__EINTR))
		return 0;
	if (flags & VV__RESTART && !(ran & VV__HANDLED_INTERRUPT))
		return 0;
	if (atomic_load(&w->state) != VV__QUEUED)
		return 0;
	return vv__wait_unqueue(w) ? -EINTR : 0;
}

static bool is_called(struct vv_greenlet *g, unsigned flags)
{
	return vv__has_signals(g) || (flags & VV__CANCEL && vv__cancel_pending(g));
}

/* Returns 0 woken, -ETIMEDOUT, -EINTR, -ECANCELED. May return without the hub (see vv__regain). */
int vv__wait_sleep(struct vv_greenlet *g, struct vv__wait *w, unsigned flags)
{
	int r;

	arm(w);
	vv__count(parks);
	w->api = flags & VV__API;
	for (;;) {
		r = interruption(g, w, flags);
		if (r < 0)
			return r;
		atomic_store(&g->state, VV__PARKED);
		if (atomic_load(&w->state) != VV__QUEUED || is_called(g, flags))
			stay(g); /* it came before we said that we sleep */
		else
			vv__suspend(g);
		if (atomic_load(&w->state) != VV__QUEUED)
			break;
	}
	return atomic_load(&w->state) == VV__WOKEN ? 0 : -ETIMEDOUT;
}

/* ---- frames that are jumped over ---- */

struct jump {
	uintptr_t target, low, high;
};

static bool leaves_behind(const struct jump *j, uintptr_t frame)
{
	bool from = frame >= j->low && frame < j->high, to = j->target >= j->low && j->target < j->high;

	return from == to ? frame < j->target : from;
}

static void abandon_wait(struct vv_greenlet *g, struct vv__wait *w)
{
	bool native = g->native;

	if (native)
		g->inside++;
	else
		vv__enter(g);
	if (atomic_load(&w->state) == VV__QUEUED)
		vv__wait_unqueue(w);
	else if (w->kind == VV__WAIT_ADDRESS && atomic_load(&w->state) == VV__WOKEN)
		vv__wake(w->key, 1); /* the wake was for somebody who waits */
	vv__wait_end(g, w);
	if (native)
		g->inside--;
	else
		vv__leave(g);
}

void vv__abandon_waits(struct vv_greenlet *g)
{
	while (g->wait)
		abandon_wait(g, g->wait);
}

void vv__abandon(struct vv_greenlet *g, uintptr_t target, uintptr_t low, uintptr_t high)
{
	struct jump j = {target, low, high};

	while (g->wait && leaves_behind(&j, g->wait->frame))
		abandon_wait(g, g->wait);
	if (!g->native || g->foreign || g->owned || !leaves_behind(&j, g->hop_frame))
		return;
	if (g->hopped) {
		g->native = 1;
		vv__hop_back();
	} else {
		g->native = 0;
	}
}

int vv__sleep_until(int64_t deadline, unsigned flags)
{
	struct vv_greenlet *g = vv__me();
	struct vv__wait *w;
	int r;

	vv__enter(g);
	w = vv__wait_begin(g, VV__WAIT_TIME, deadline, "sleep");
	r = w ? vv__wait_sleep(g, w, flags) : 0;
	if (w)
		vv__wait_end(g, w);
	vv__leave(g);
	return r == -ETIMEDOUT ? 0 : r;
}
