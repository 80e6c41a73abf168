/*
 * The hub: run queue, inbox, deadlines, the loop. Who may touch it is said at the top of core.h.
 *
 * A greenlet that parks switches straight to the next runnable one; the hub's own context is entered only when the
 * queue is empty, when the budget of direct switches is used up (descriptors and deadlines must not starve), or when
 * something must be done after the greenlet's registers are saved (it hops, it has ended, its successor is special).
 */
#include "hub.h"
#include "slice.h"
#include "trace.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

struct vv__hub vv__hub;
_Atomic int vv__started;
_Atomic int vv__live = 1;
struct vv__config vv__config = {.handover_ns = 1000000, .report_fd = 2, .stall_ns = 1000000000};
struct vv__stats vv__stats;
struct vv__hooks vv__hooks;

/* Direct switches between two looks at libev: enough for all that the last look made ready, within limits. */
enum { BUDGET = 64, MOST = 256 };

/* ---- run queue and inbox ---- */

void vv__push(struct vv__hub *h, struct vv_greenlet *g)
{
	if (g->wait && g->wait->heap_index && atomic_load(&g->wait->state) != VV__QUEUED)
		vv__deadline_disarm(g->wait);
	g->next = NULL;
	if (h->tail)
		h->tail->next = g;
	else
		h->head = g;
	h->tail = g;
	atomic_store_explicit(
	    &h->ready, atomic_load_explicit(&h->ready, memory_order_relaxed) + 1, memory_order_relaxed);
}

static struct vv_greenlet *pop(struct vv__hub *h)
{
	struct vv_greenlet *g = h->head;

	h->head = g->next;
	if (!h->head)
		h->tail = NULL;
	atomic_store_explicit(
	    &h->ready, atomic_load_explicit(&h->ready, memory_order_relaxed) - 1, memory_order_relaxed);
	return g;
}

void vv__hub_poke(void)
{
	uint64_t one = 1;

	if (atomic_load(&vv__hub.sleeping))
		vv__syscall(SYS_write, vv__hub.wake_fd, &one, sizeof one);
	if (atomic_load(&vv__monitor_deep) == VV__MONITOR_DEEP)
		vv__monitor_arm();
}

void vv__hub_signal(void)
{
	atomic_store(&vv__hub.signals, 1);
	vv__hub_poke();
}

/* From a kernel thread that does not hold the hub. */
void vv__inbox_push(struct vv__hub *h, struct vv_greenlet *g)
{
	struct vv_greenlet *first = atomic_load(&h->inbox);

	do
		g->next = first;
	while (!atomic_compare_exchange_weak(&h->inbox, &first, g));
	vv__hub_poke();
}

static void drain_inbox(struct vv__hub *h)
{
	struct vv_greenlet *g = atomic_exchange(&h->inbox, NULL), *oldest = NULL, *next;

	for (; g; g = next) { /* newest first: turn it round */
		next = g->next;
		g->next = oldest;
		oldest = g;
	}
	for (g = oldest; g; g = next) {
		next = g->next;
		if (g->away) {
			g->away = false;
			atomic_fetch_sub(&h->away, 1);
			vv__unblocked(g->mask);
		}
		vv__push(h, g);
	}
}

/* g's wait is over, or it has a signal: let it run. */
void vv__ready(struct vv_greenlet *g)
{
	uint8_t parked = VV__PARKED;

	if (g->native) {
		atomic_store(&g->native_futex, 1);
		vv__syscall(SYS_futex, &g->native_futex, FUTEX_WAKE_PRIVATE, 1);
		return;
	}
	if (!atomic_compare_exchange_strong(&g->state, &parked, VV__RUNNABLE))
		return;
	vv__trace(
	    VV__TRACE_WAKE, g->id, vv__self && !vv__self->is_hub ? vv__self->id : 0, 0, VV__TRACE_READY);
	if (vv__self && vv__self->holds)
		vv__push(g->hub, g);
	else
		vv__inbox_push(g->hub, g);
}

void vv__interrupt(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__self;
	uint8_t inside;

	if (!me || me->holds) {
		vv__ready(g);
		return;
	}
	inside = me->inside;
	me->inside = 1;
	vv__ready(g);
	me->inside = inside;
}

void vv__raise(struct vv_greenlet *g, int error)
{
	atomic_store(&g->raised, error);
	vv__interrupt(g);
}

/* ---- deadlines ---- */

static void note_earliest(struct vv__hub *h)
{
	atomic_store_explicit(&h->earliest, vv__heap_earliest(&h->heap), memory_order_relaxed);
}

int vv__deadline_arm(struct vv__wait *w)
{
	int r = vv__heap_add(&w->g->hub->heap, w);

	note_earliest(w->g->hub);
	return r;
}

void vv__deadline_disarm(struct vv__wait *w)
{
	if (!w->heap_index)
		return;
	vv__heap_remove(&w->g->hub->heap, w);
	note_earliest(w->g->hub);
}

int vv__timer_start(struct vv__wait *w, int64_t deadline, void (*expire)(struct vv__wait *))
{
	vv__timer_stop(w);
	w->g = &vv__hub.self;
	w->kind = VV__TIMER;
	w->deadline = deadline;
	w->expire = expire;
	return vv__deadline_arm(w);
}

void vv__timer_stop(struct vv__wait *w)
{
	struct vv__heap *heap = &vv__hub.heap;

	/* after fork the hub is another, and what was armed before is not */
	if (w->heap_index && w->heap_index <= heap->n && heap->at[w->heap_index - 1] == w)
		vv__deadline_disarm(w);
	w->heap_index = 0;
}

static void fire_deadlines(struct vv__hub *h)
{
	int64_t now;

	now = h->now = vv__now();
	if (!h->heap.n)
		return;
	while (h->heap.n && h->heap.at[0]->deadline <= now) {
		struct vv__wait *w = h->heap.at[0];

		vv__heap_remove(&h->heap, w);
		vv__wait_expired(w);
	}
	note_earliest(h);
}

/* ---- the wall clock ---- */

static int64_t read_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int64_t (*vv__wall_now)(void) = read_wall;

/* How far the monotonic clock is ahead. */
static int64_t wall_offset(void)
{
	return vv__now() - vv__wall_now();
}

static int64_t deadline_of(int64_t wall, int64_t offset)
{
	if (offset > 0 && wall > VV__FOREVER - 1 - offset)
		return VV__FOREVER - 1;
	return wall + offset > 0 ? wall + offset : 1;
}

int64_t vv__deadline_of_wall(int64_t wall)
{
	return deadline_of(wall, wall_offset());
}

int64_t vv__wall_deadline(int64_t wall)
{
	struct vv_greenlet *g = vv__me();

	g->wall_sets = vv__hub.clock_sets;
	g->wall = wall;
	return g->wall_deadline = vv__deadline_of_wall(wall);
}

void vv__wall_begin(struct vv__wait *w)
{
	struct vv_greenlet *g = w->g;

	w->wall = 0;
	if (!g->wall || w->deadline != g->wall_deadline || g->native)
		return;
	w->wall = g->wall;
	if (!g->hub->clock_fd)
		vv__poller_watch_clock(g->hub);
	if (g->wall_sets != g->hub->clock_sets)
		w->deadline = vv__deadline_of_wall(w->wall);
}

void vv__wall_moved(struct vv__hub *h)
{
	int64_t offset = wall_offset();

	h->clock_sets++;
	for (uint32_t i = 0; i < h->heap.n; i++)
		if (h->heap.at[i]->wall)
			h->heap.at[i]->deadline = deadline_of(h->heap.at[i]->wall, offset);
	vv__heap_rebuild(&h->heap);
	note_earliest(h);
}

/* ---- who holds the hub ---- */

/* Program code of g becomes Vervet's, if g still has the hub. */
bool vv__try_enter(struct vv_greenlet *g)
{
	struct vv_greenlet *expected = g;

	g->inside = 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (!atomic_compare_exchange_strong_explicit(
		&g->hub->running, &expected, NULL, memory_order_acq_rel, memory_order_relaxed))
		return false;
	g->holds = true;
	return true;
}

void vv__enter(struct vv_greenlet *g)
{
	if (vv__unlikely(!vv__try_enter(g)))
		vv__rejoin(g);
}

/* A greenlet that knows long stretches is resumed on a carrier of its own: inside, but without the hub. */
void vv__regain(struct vv_greenlet *g)
{
	if (!g->holds)
		vv__rejoin(g);
}

void vv__leave(struct vv_greenlet *g)
{
	if (vv__likely(g->holds)) {
		g->holds = false;
		atomic_store_explicit(&g->hub->running, g, memory_order_release);
	}
	atomic_signal_fence(memory_order_seq_cst);
	g->inside = 0;
	if (vv__has_signals(g))
		vv__hooks.run_handlers(g);
}

/* ---- switching ---- */

bool vv__watching;

/* g stops; next, if not null, runs at once. */
static vv__slow void note_switch(struct vv__hub *h, struct vv_greenlet *g, struct vv_greenlet *next)
{
	if (vv__tracing)
		vv__trace_switch(g, next, h->carrier->tid);
	if (vv__clocks)
		vv__clock_turn(h->carrier, next);
}

static vv__slow void note_run(struct vv__hub *h, struct vv_greenlet *g)
{
	vv__trace(VV__TRACE_RUN, g->id, 0, h->carrier->tid, VV__TRACE_READY);
	if (vv__clocks)
		vv__clock_turn(h->carrier, g);
}

static inline void prepare(struct vv__hub *h, struct vv_greenlet *g)
{
	atomic_store_explicit(&g->state, VV__RUNNING, memory_order_relaxed);
	g->carrier = h->carrier;
	g->switches++;
	atomic_store_explicit(&vv__stats.switches,
	    atomic_load_explicit(&vv__stats.switches, memory_order_relaxed) + 1, memory_order_relaxed);
	atomic_store_explicit(
	    &h->ticks, atomic_load_explicit(&h->ticks, memory_order_relaxed) + 1, memory_order_relaxed);
	if (vv__unlikely(atomic_load_explicit(&vv__alt_stacks, memory_order_relaxed)))
		vv__give_alt_stack(h->carrier, g);
	if (vv__unlikely(h->carrier->mask != g->mask))
		vv__set_kernel_mask(h->carrier, g->mask);
	h->carrier->owner = g;
	h->carrier->owner_id = g->id;
}

/* The carrier must not go on with the alternate stack on which g stops. */
static void leave_alt_stack(struct vv__hub *h)
{
	h->leave_alt_stack = true;
	vv__set_kernel_mask(h->carrier, ~0ul);
}

/* Inside. Let others run; returns when g has been resumed, inside again (see vv__regain). */
void vv__suspend(struct vv_greenlet *g)
{
	struct vv__hub *h = g->hub;
	struct vv_greenlet *next = h->head;
	bool on_alt_stack;

	vv__stop_alt_stack(g);
	on_alt_stack = vv__unlikely(g->alt_stack.ss_size) && vv__on_alt_stack(g);
	if (on_alt_stack)
		leave_alt_stack(h);
	if (on_alt_stack || !next || !h->budget || next->hog || next->fresh || next->slice || g->slice) {
		if (vv__unlikely(vv__watching))
			note_switch(h, g, NULL);
		vv__context_switch(&g->ctx, &h->ctx);
		return;
	}
	h->budget--;
	pop(h);
	if (vv__unlikely(vv__watching))
		note_switch(h, g, next);
	prepare(h, next);
	if (next != g)
		vv__context_switch(&g->ctx, &next->ctx);
}

/* Inside. */
static void let_others_run(struct vv_greenlet *g)
{
	atomic_store(&g->state, VV__RUNNABLE);
	vv__push(g->hub, g);
	vv__suspend(g);
}

void vv__yield(void)
{
	struct vv_greenlet *g = vv__me();

	if (vv__direct(g)) {
		vv__syscall(SYS_sched_yield);
		return;
	}
	vv__enter(g);
	atomic_store_explicit(&g->hub->yields, g->hub->yields + 1, memory_order_relaxed);
	if (atomic_load_explicit(&g->hub->told, memory_order_relaxed))
		g->hub->budget = 0; /* by way of the hub, which looks at descriptors */
	let_others_run(g);
	vv__leave(g);
}

/* Who yields after that means to let those run. */
void vv__told(void)
{
	struct vv_greenlet *g = vv__me();

	if (!vv__direct(g) && !g->away)
		atomic_store_explicit(&g->hub->told, true, memory_order_relaxed);
}

/*
 * The caller has told another thread of something by a descriptor that exists for that. On a kernel thread of its own that
 * one would look at once, and programs count on it: what it has to do is done before the caller has gone on for long.
 * Not more often than every OFFER_NS: who tells of each of many messages is not to switch for each.
 */
void vv__yield_to_woken(void)
{
	enum { OFFER_NS = 100000 };
	struct vv_greenlet *g = vv__me();
	int64_t now;

	if (vv__direct(g) || g->away || !g->hub->fd_waits)
		return;
	vv__told();
	now = vv__now();
	if (now - g->hub->offered < OFFER_NS)
		return;
	vv__enter(g);
	g->hub->offered = now;
	g->hub->budget = 0; /* by way of the hub, which looks at descriptors */
	let_others_run(g);
	if (g->holds && g->hub->head) /* it came after the caller; without the hub that keeps nobody waiting */
		let_others_run(g);
	vv__leave(g);
}

/* ---- the loop ---- */

static _Atomic bool in_order;

void vv__keep_signals_in_order(void)
{
	atomic_store(&in_order, true);
}

/* g is about to get a kernel thread of its own: this one has taken its last signal for it before that takes the first. */
static void give(struct vv__hub *h, struct vv_greenlet *g, struct vv__carrier *c)
{
	if (vv__unlikely(atomic_load_explicit(&in_order, memory_order_relaxed)) && h->carrier->mask != ~0ul)
		vv__set_kernel_mask(h->carrier, ~0ul);
	vv__carrier_give(c, g);
}

/* What a greenlet has left to be done once its registers are saved. */
static void after_switch(struct vv__hub *h)
{
	struct vv_greenlet *g;

	if (vv__unlikely(vv__slice_stops != NULL))
		vv__slice_stops();
	if (vv__unlikely(h->leave_alt_stack)) {
		h->leave_alt_stack = false;
		vv__give_alt_stack(h->carrier, NULL);
	}
	if ((g = h->hop)) {
		struct vv__carrier *c = vv__carrier_for_hop(g);

		h->hop = NULL;
		g->carrier = c;
		vv__trace(VV__TRACE_RUN, g->id, 0, c->tid, VV__TRACE_READY);
		give(h, g, c);
	}
	if ((g = h->slice)) {
		h->slice = NULL;
		vv__slice_after(g);
	}
	if ((g = h->ended)) {
		h->ended = NULL;
		vv__greenlet_ended(g);
	}
}

/* A thread known for long stretches starts on a carrier of its own, if one is idle. */
static bool give_away(struct vv__hub *h, struct vv_greenlet *g)
{
	struct vv__carrier *c;

	if (!g->hog || g->rejoins || vv__has_signals(g) ||
	    (g->wait && atomic_load(&g->wait->state) == VV__QUEUED))
		return false;
	c = vv__carrier_take(false);
	if (!c)
		return false;
	if (vv__clocks)
		vv__clock_switch(h->carrier, NULL); /* its earlier turns, too */
	atomic_store_explicit(&g->state, VV__RUNNING, memory_order_relaxed);
	g->carrier = c;
	g->holds = false;
	g->stretch_start = vv__now();
	g->away = true;
	atomic_fetch_add(&h->away, 1);
	vv__takes_its_own();
	vv__trace(VV__TRACE_RUN, g->id, 0, c->tid, VV__TRACE_READY);
	give(h, g, c);
	return true;
}

static void look_for_signals(struct vv__hub *h)
{
	if (vv__unlikely(atomic_load_explicit(&h->signals, memory_order_relaxed)) &&
	    atomic_exchange(&h->signals, 0))
		vv__hooks.hub_signals(h);
}

static void dispatch(struct vv__hub *h)
{
	struct vv_greenlet *g = pop(h);

	if (h->budget)
		h->budget--;
	if (g->fresh) {
		vv__shell_await(g);
		g->fresh = false;
	}
	if (vv__unlikely(g->hog) && give_away(h, g))
		return;
	if (vv__unlikely(g->slice != NULL) && !vv__slice_install(g))
		return;
	if (vv__unlikely(vv__watching))
		note_run(h, g);
	prepare(h, g);
	/* what came here before g's mask was set is on its way to its thread before g can see that it has not arrived */
	look_for_signals(h);
	if (vv__unlikely(g->slice != NULL) && vv__slice_runs)
		vv__slice_runs(g);
	vv__context_switch(&h->ctx, &g->ctx);
	after_switch(h);
}

/* Those with a kernel thread of their own take their signals themselves: one that came here would reach them late. */
static bool takes_signals_here(const struct vv_greenlet *g)
{
	return !g->foreign && !g->away && g->state != VV__DONE && g->state != VV__FREE;
}

struct common {
	uint64_t mask;
	struct vv_greenlet *opener;
};

static int add_mask(struct vv_greenlet *g, void *common)
{
	struct common *c = common;

	if (!takes_signals_here(g))
		return 0;
	c->mask &= g->mask;
	if (!c->opener || !(g->mask & ~c->opener->mask))
		c->opener = g;
	return 0;
}

/* What is blocked now is blocked by all: there is one that blocks nothing else. */
static bool is_common(struct vv__hub *h)
{
	const struct vv_greenlet *g = h->opener;

	return g && takes_signals_here(g) &&
	       !(g->mask & ~atomic_load_explicit(&h->idle_mask, memory_order_relaxed));
}

static void find_common_mask(struct vv__hub *h)
{
	struct common c = {.mask = ~0ul};

	atomic_store(&h->idle_mask, ~0ul);
	vv__each(add_mask, &c);
	atomic_fetch_and(&h->idle_mask, c.mask);
	h->opener = c.opener;
	h->masks_rest = atomic_load_explicit(&vv__live, memory_order_relaxed) / 4;
}

/*
 * While the hub looks at events the kernel thread blocks only what every greenlet blocks that has no kernel thread of its
 * own. A signal more would come late; one less does its default action, or is not seen by a signalfd, where all block it. As
 * long as one greenlet stands for what is open the others need not be asked. Where none does, asking them all waits for some
 * turns if there is work to do, unless order matters.
 */
static void set_idle_mask(struct vv__hub *h)
{
	bool due = !h->masks_rest || !h->head || atomic_load_explicit(&in_order, memory_order_relaxed);
	uint64_t mask;

	if (h->masks_rest)
		h->masks_rest--;
	if (due && vv__unlikely(atomic_load_explicit(&h->masks_dirty, memory_order_relaxed))) {
		atomic_exchange(&h->masks_dirty, 0);
		if (!is_common(h))
			find_common_mask(h);
	}
	mask = atomic_load_explicit(&h->idle_mask, memory_order_relaxed);
	if (h->carrier->mask != mask)
		vv__set_kernel_mask(h->carrier, mask);
}

static int report_waiter(struct vv_greenlet *g, void *unused)
{
	if (atomic_load(&g->state) == VV__PARKED)
		vv__log("  greenlet %lu%s%s: waits for %s", g->id, g->name[0] ? " " : "", g->name,
		    g->wait && g->wait->what ? g->wait->what : "something");
	return 0;
}

/* Nothing that we know of can ever wake anybody. */
static bool is_blocked(struct vv__hub *h)
{
	return !h->blocked_reported && !h->head && !h->heap.n && !h->fd_waits && !atomic_load(&h->away) &&
	       !atomic_load(&h->inbox) && !vv__hooks.may_be_signalled();
}

/* Said once, and only when it has lasted: a program may wait for a signal on purpose. */
static void report_blocked(struct vv__hub *h)
{
	struct vv_greenlet *first = vv__main_greenlet();

	if (atomic_load(&first->state) == VV__PARKED && first->wait && first->wait->api) {
		vv__raise(first, EDEADLK); /* gevent's LoopExit: a program of the API is told */
		return;
	}
	h->blocked_reported = true;
	if (vv__config.quiet)
		return;
	vv__log("would block forever: every greenlet waits for another");
	vv__each(report_waiter, NULL);
	vv__report_blocked();
}

static void sleep_until_event(struct vv__hub *h)
{
	bool blocked = is_blocked(h);

	h->doubt = blocked;
	if (vv__unlikely(vv__clocks))
		vv__clock_switch(h->carrier, NULL); /* sleep is nobody's turn */
	atomic_store(&h->sleeping, 1);
	if (vv__unlikely(atomic_load(&vv__monitor_deep) == VV__MONITOR_ARMED))
		vv__monitor_hub_sleeps();
	vv__poller_run(!h->head && !atomic_load(&h->inbox) && !atomic_load(&h->signals));
	atomic_store(&h->sleeping, 0);
	if (vv__unlikely(vv__clocks))
		vv__clock_switch(h->carrier, NULL);
	if (blocked && !h->doubt && is_blocked(h))
		report_blocked(h);
	if (vv__unlikely(atomic_load(&vv__monitor_deep) != VV__MONITOR_AWAKE))
		vv__monitor_hub_wakes();
}

/*
 * Where nearly all only yield, they wait for what others do, perhaps on kernel threads that have no core now: plain, each
 * yield would let those run.
 */
static void yield_for_all(struct vv__hub *h)
{
	uint64_t yields = atomic_load_explicit(&h->yields, memory_order_relaxed);
	uint64_t ticks = atomic_load_explicit(&h->ticks, memory_order_relaxed);

	if (yields - h->yields_seen > (ticks - h->ticks_seen) / 8 * 7)
		vv__syscall(SYS_sched_yield);
	h->yields_seen = yields;
	h->ticks_seen = ticks;
}

static void look_at_events(struct vv__hub *h)
{
	uint32_t ready;

	atomic_store_explicit(&h->told, false, memory_order_relaxed);
	if (h->heap.n)
		fire_deadlines(h);
	drain_inbox(h);
	/* also if others are ready: those that run may all block what one that waits does not */
	set_idle_mask(h);
	if (!h->head && vv__unlikely(vv__waiters(&h->idle, 0))) {
		vv__poller_run(false);
		if (!h->head)
			vv__wake(&h->idle, INT32_MAX);
	}
	if (h->head) {
		yield_for_all(h);
		vv__poller_run(false);
	} else {
		sleep_until_event(h);
	}
	fire_deadlines(h);
	ready = atomic_load_explicit(&h->ready, memory_order_relaxed);
	h->budget = ready < BUDGET ? BUDGET : ready < MOST ? ready : MOST;
	vv__count(loops);
}

void vv__hub_loop(void *unused)
{
	struct vv__hub *h = &vv__hub;

	for (;;) {
		after_switch(h);
		if (atomic_load_explicit(&h->inbox, memory_order_relaxed))
			drain_inbox(h);
		look_for_signals(h);
		if (h->head && h->budget)
			dispatch(h);
		else
			look_at_events(h);
	}
}

/* ---- start ---- */

static void *hub_shell(void *hub)
{
	struct vv__hub *h = hub;

	vv__shell_publish(&h->self);
	vv__hub_loop(NULL);
}

/* A greenlet's restartable sequences cannot be restarted on whichever carrier it runs: say that there are none. */
static void leave_rseq(void)
{
	extern const ptrdiff_t __rseq_offset;
	extern const unsigned __rseq_size;
	enum { SIZE = 32, UNREGISTER = 1, SIGNATURE = 0x53053053, CPU_ID = 4, UNINITIALIZED = -1 };
	char *area = (char *)vv__thread_pointer() + __rseq_offset;

	if (__rseq_size && vv__syscall(SYS_rseq, area, SIZE, UNREGISTER, SIGNATURE) == 0)
		*(volatile int *)(area + CPU_ID) = UNINITIALIZED;
}

/* The program's own kernel thread becomes the first carrier. If a thread that is not ours makes the first greenlet, main
 * counts as handed over, and a carrier of its own takes the hub. */
static int hand_out(struct vv__hub *h, struct vv_greenlet *g)
{
	struct vv_greenlet *main = vv__main_greenlet();

	main->carrier = vv__carrier_first(main);
	if (g == main) {
		leave_rseq();
		h->carrier = main->carrier;
		atomic_store(&h->running, main);
		return 0;
	}
	if (vv__carrier_reserve() < 0)
		return -EAGAIN;
	main->away = true;
	atomic_store(&h->away, 1);
	h->carrier = vv__carrier_take(true);
	vv__carrier_give(h->carrier, VV__JOB_HUB);
	return 0;
}

/* The program's thread-local data may need more than our usual stack. */
static int start_shell(struct vv__hub *h)
{
	pthread_attr_t attr;
	int r = -pthread_attr_init(&attr);

	if (r < 0)
		return r;
	r = -EINVAL;
	for (size_t size = VV__OWN_STACK; r == -EINVAL && size < 1ul << 32; size *= 4) {
		pthread_attr_setstacksize(&attr, size);
		r = vv__shell_start(&h->self, &attr, hub_shell, h);
	}
	pthread_attr_destroy(&attr);
	if (r == 0)
		vv__shell_await(&h->self);
	return r;
}

/* What an attempt that failed has made is there for the next. */
static int start(struct vv__hub *h, struct vv_greenlet *g)
{
	int r;

	h->self.is_hub = h->self.holds = true;
	h->self.inside = h->self.native = 1;
	h->self.hub = h;
	h->idle_mask = vv__main_greenlet()->mask;
	h->masked = h->idle_mask;
	h->budget = BUDGET;
	atomic_store(&h->earliest, VV__FOREVER);
	r = vv__shells_start();
	if (r == 0 && !h->poll_fd)
		r = vv__poller_open(h);
	if (r == 0 && !h->self.ctx.sp)
		r = start_shell(h);
	if (r < 0)
		return r;
	h->ctx = h->self.ctx;
	r = hand_out(h, g);
	if (r == 0) {
		vv__lend_start();
		vv__monitor_start();
		atomic_store(&vv__started, 1);
	}
	if (r == 0 && vv__hooks.started)
		vv__hooks.started();
	if (r == 0 && vv__config.overflow)
		vv__overflow_start();
	if (r == 0 && vv__config.trace)
		vv__trace_start();
	if (r == 0 && vv__config.metrics)
		vv__report_metrics();
	return r;
}

/* Called by the first pthread_create, in program code: it may allocate. */
int vv__hub_start(struct vv_greenlet *g)
{
	static _Atomic int starting;
	int saved = errno, r = 0;

	vv__lock(&starting);
	if (!atomic_load(&vv__started))
		r = start(&vv__hub, g);
	vv__unlock(&starting);
	errno = saved;
	return r;
}
