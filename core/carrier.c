/*
 * Carriers: the kernel threads under the greenlets. Hop, rejoin, and the idle loop in which spare ones wait.
 *
 * The idle loop runs on a stack of its own and makes raw system calls only. A greenlet that leaves a carrier for good
 * switches to that stack first and is published from there, when its registers are saved.
 */
#include "hub.h"
#include "trace.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum { IDLE_STACK = 64 * 1024, IDLE_SECONDS = 2, KEEP_SPARE = 2 };

static struct vv__slab carriers = {.size = sizeof(struct vv__carrier)};
static struct vv__carrier first;
static uintptr_t first_tp; /* main's */

static struct {
	_Atomic int lock;
	struct vv__carrier *head;
	int n;	      /* spare ones */
	int reserved; /* promised to greenlets that are about to hop */
	bool first;   /* so is the first, which is not on the list */
} spare;

/* Signals that libc keeps for itself (cancellation, setuid) are never blocked. */
#define LIBC_SIGNALS (3ul << 31)

/* What a write brings upon the kernel thread that makes it. Blocked, it waits there for the greenlet that wrote. */
#define OWN_SIGNALS (1ul << (SIGPIPE - 1) | 1ul << (SIGXFSZ - 1))

void vv__set_kernel_mask(struct vv__carrier *c, uint64_t mask)
{
	uint64_t kernel = mask & ~LIBC_SIGNALS, opened = c->mask & ~mask & OWN_SIGNALS;

	if (vv__unlikely(opened))
		vv__hooks.save_pending(c->owner, c->owner_id, opened);
	c->mask = mask;
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kernel, NULL, sizeof kernel);
}

void vv__note_mask(struct vv_greenlet *g, uint64_t mask)
{
	bool changes = g->mask != mask;

	g->mask = mask; /* before the hub is told: it may be asking all of them */
	if (g->carrier)
		g->carrier->mask = mask;
	if (changes) {
		if (!g->away) /* else the kernel has its own thread for what it does not block */
			vv__unblocked(mask);
		atomic_store_explicit(&vv__hub.masks_dirty, 1, memory_order_relaxed);
	}
}

void vv__set_mask(struct vv_greenlet *g, uint64_t mask)
{
	uint64_t kernel = mask & ~LIBC_SIGNALS;

	vv__note_mask(g, mask);
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kernel, NULL, sizeof kernel);
}

/*
 * Alternate signal stacks. A carrier that somebody has left must lose that one's: two kernel threads with one stack, or a
 * handler on the stack on which another is parked, would write over frames in use.
 */
_Atomic int vv__alt_stacks;

void vv__note_alt_stack(struct vv_greenlet *g, const stack_t *stack)
{
	static const stack_t none;

	g->alt_stack = stack->ss_flags & SS_DISABLE ? none : *stack;
	if (g->carrier)
		g->carrier->alt_stack = g->alt_stack;
	atomic_store(&vv__alt_stacks, 1);
}

void vv__give_alt_stack(struct vv__carrier *c, struct vv_greenlet *g)
{
	const stack_t *want = g && g->alt_stack.ss_size ? &g->alt_stack : &c->spare_stack, disable = {.ss_flags = SS_DISABLE};

	if (want->ss_sp == c->alt_stack.ss_sp && want->ss_size == c->alt_stack.ss_size)
		return;
	c->alt_stack = *want;
	vv__syscall(SYS_sigaltstack, want->ss_size ? want : &disable, NULL);
}

/*
 * Go sets its threads' stacks by system calls of its own: where g leaves carrier c, ask the kernel. Asked at the first
 * carrier and at every rejoin; once such a stack has been seen, wherever a greenlet stops.
 */
_Atomic int vv__raw_alt_stacks;

void vv__learn_alt_stack(struct vv_greenlet *g, struct vv__carrier *c)
{
	stack_t now;

	if (!c || vv__syscall(SYS_sigaltstack, NULL, &now) < 0)
		return;
	if (now.ss_flags & SS_DISABLE)
		now = (stack_t){.ss_flags = SS_DISABLE};
	if (now.ss_sp == c->alt_stack.ss_sp && now.ss_size == c->alt_stack.ss_size)
		return;
	now.ss_flags &= ~SS_ONSTACK;
	vv__note_alt_stack(g, &now);
	c->alt_stack = g->alt_stack;
	atomic_store(&vv__raw_alt_stacks, 1);
}

bool vv__on_alt_stack(struct vv_greenlet *g)
{
	return (uintptr_t)__builtin_frame_address(0) - (uintptr_t)g->alt_stack.ss_sp < g->alt_stack.ss_size;
}

/* ---- the spare list ---- */

/* The first carrier takes the hub or a busy greenlet, but no hop other than main's: its id is also the main greenlet's own,
 * under which that may hold locks. */
static void push_spare(struct vv__carrier *c)
{
	vv__lock(&spare.lock);
	if (c == &first) {
		spare.first = true;
	} else {
		c->next = spare.head;
		spare.head = c;
		spare.n++;
	}
	vv__unlock(&spare.lock);
}

void vv__carrier_put_back(struct vv__carrier *c)
{
	push_spare(c);
}

struct vv__carrier *vv__carrier_take(bool reserved)
{
	struct vv__carrier *c = NULL;

	vv__lock(&spare.lock);
	if (spare.head && (reserved || spare.n > spare.reserved)) {
		c = spare.head;
		spare.head = c->next;
		spare.n--;
		spare.reserved -= reserved;
	} else if (spare.first && !reserved) {
		c = &first;
		spare.first = false;
	}
	vv__unlock(&spare.lock);
	return c;
}

static bool homeward; /* main wants to hop to the first one; told to the hub */

struct vv__carrier *vv__carrier_for_hop(struct vv_greenlet *g)
{
	bool home = homeward && g == vv__main_greenlet();

	if (home) {
		homeward = false;
		vv__lock(&spare.lock);
		home = spare.first;
		spare.first = false;
		spare.reserved -= home;
		vv__unlock(&spare.lock);
	}
	return home ? &first : vv__carrier_take(true);
}

/* An idle carrier that nobody needed for a while takes itself off the list. */
static bool retire(struct vv__carrier *c)
{
	struct vv__carrier **p = &spare.head;
	bool found = false;

	vv__lock(&spare.lock);
	if (!c->parent && spare.n > spare.reserved && spare.n > KEEP_SPARE) {
		while (*p && *p != c)
			p = &(*p)->next;
		found = *p == c;
		if (found) {
			*p = c->next;
			spare.n--;
		}
	}
	vv__unlock(&spare.lock);
	return found;
}

void vv__carrier_give(struct vv__carrier *c, void *job)
{
	atomic_store(&c->job, job);
	atomic_store(&c->futex, 1);
	vv__syscall(SYS_futex, &c->futex, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- the idle loop ---- */

static void publish(struct vv__carrier *c)
{
	struct vv_greenlet *g = c->post;

	c->post = NULL;
	atomic_store(&g->state, VV__RUNNABLE);
	vv__inbox_push(g->hub, g);
}

/* Returns the job, or null when this carrier has retired. */
static void *await_job(struct vv__carrier *c)
{
	struct timespec patience = {IDLE_SECONDS, 0};

	while (!atomic_load(&c->futex)) {
		long r = vv__syscall(SYS_futex, &c->futex, FUTEX_WAIT_PRIVATE, 0,
		    c == &first || c->parent || spare.n <= KEEP_SPARE ? NULL : &patience);

		if (r == -ETIMEDOUT && retire(c))
			return NULL;
	}
	atomic_store(&c->futex, 0);
	return atomic_load(&c->job);
}

/* The greenlet that ran here has left, or the hub was handed over from here: nothing of theirs is on this stack. */
static void become_spare(struct vv__carrier *c)
{
	if (c->mask != ~0ul)
		vv__set_kernel_mask(c, ~0ul);
	vv__give_alt_stack(c, NULL);
	if (c->post)
		publish(c);
	if (!c->spoiled)
		push_spare(c);
}

static void idle(struct vv__carrier *c)
{
	struct vv_greenlet *g;
	void *job;

	while ((job = await_job(c))) {
		if (job == VV__JOB_HUB) {
			vv__clock_switch(c, NULL);
			vv__context_switch(&c->idle, &vv__hub.ctx);
		} else {
			g = job;
			if (vv__unlikely(atomic_load_explicit(&vv__alt_stacks, memory_order_relaxed)))
				vv__give_alt_stack(c, g);
			vv__set_kernel_mask(c, g->mask);
			c->owner = g;
			c->owner_id = g->id;
			if (vv__clocks || !g->hopped || g->pinned)
				vv__clock_switch(c, g);
			vv__context_switch(&c->idle, &g->ctx);
		}
		become_spare(c);
		if (c->spoiled && c != &first)
			return;
	}
}

/* The first switch to the idle stack of the kernel thread on which the program started. */
static void idle_first(void *carrier)
{
	become_spare(carrier);
	idle(carrier);
}

/* The monitor reads the kernel thread's state here: if it opened the file whenever it looks, that would take a number
 * from the program at odd moments. */
static void open_stat(struct vv__carrier *c)
{
	long fd = atomic_load(&vv__filtered) ? -1 : vv__open_of_thread(c->tid, "/stat");

	if (fd >= 0)
		vv__fd_own(vv__hub_fd(fd), &c->stat);
}

static void *carrier_main(void *carrier)
{
	struct vv__carrier *c = carrier;

	vv__self = &vv__hub.self;
	c->idle.tp = vv__thread_pointer();
	__atomic_store_n(&c->tid, vv__syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (c->spoiled)
		vv__syscall(SYS_futex, &c->tid, FUTEX_WAKE_PRIVATE, 1);
	open_stat(c);
	if (vv__unlikely(vv__config.overflow))
		vv__overflow_carrier(c);
	idle(c);
	if (vv__unlikely(c->spare_stack.ss_size))
		vv__overflow_carrier_ends(c);
	vv__fd_disown(&c->stat);
	vv__slab_put(&carriers, c);
	atomic_fetch_sub(&vv__stats.carriers, 1);
	return NULL;
}

static void note_carrier(void)
{
	uint64_t n = vv__count(carriers) + 1;

	if (n > atomic_load_explicit(&vv__stats.carriers_peak, memory_order_relaxed))
		atomic_store_explicit(&vv__stats.carriers_peak, n, memory_order_relaxed);
}

/* A kernel thread of ours, all signals blocked. The program's thread-local data may need more than our usual stack. */
int vv__thread_start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	sigfillset(&all);
	pthread_attr_setstacksize(&attr, VV__OWN_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setsigmask_np(&attr, &all);
	r = vv__hooks.pthread_create(&thread, &attr, fn, arg);
	for (size_t size = 4 * VV__OWN_STACK; r == EINVAL && size < 1ul << 32; size *= 4) {
		pthread_attr_setstacksize(&attr, size);
		r = vv__hooks.pthread_create(&thread, &attr, fn, arg);
	}
	pthread_attr_destroy(&attr);
	return -r;
}

static struct vv__carrier *make_carrier(bool spoiled)
{
	struct vv__carrier *c = vv__slab_get(&carriers);

	if (!c)
		return NULL;
	c->mask = ~0ul;
	c->spoiled = spoiled;
	if (vv__thread_start(carrier_main, c) < 0) {
		vv__slab_put(&carriers, c);
		return NULL;
	}
	note_carrier();
	return c;
}

/* A new spare carrier. In program code or on the monitor: allocates. */
struct vv__carrier *vv__carrier_new(void)
{
	struct vv__carrier *c = make_carrier(false);

	if (c)
		push_spare(c);
	return c;
}

/* One for a single greenlet, with the attributes of the kernel thread that calls. Waits until its id is known. */
struct vv__carrier *vv__carrier_alone(void)
{
	struct vv__carrier *c = make_carrier(true);

	while (c && !__atomic_load_n(&c->tid, __ATOMIC_ACQUIRE))
		vv__syscall(SYS_futex, &c->tid, FUTEX_WAIT_PRIVATE, 0, NULL);
	return c;
}

/* Promise the caller a spare carrier. */
int vv__carrier_reserve(void)
{
	bool enough;

	vv__lock(&spare.lock);
	enough = spare.n > spare.reserved;
	spare.reserved++;
	vv__unlock(&spare.lock);
	if (enough || vv__carrier_new())
		return 0;
	vv__lock(&spare.lock);
	spare.reserved--;
	vv__unlock(&spare.lock);
	return -EAGAIN;
}

/* The kernel thread on which the program started: it has an idle stack, but no thread control block for it, and borrows
 * the hub's; the idle loop does not look at it. */
struct vv__carrier *vv__carrier_first(struct vv_greenlet *main)
{
	char *stack = vv__pages(IDLE_STACK);

	if (!stack)
		vv__die("out of memory for the first carrier");
	vv__context_make(&first.idle, stack + IDLE_STACK, vv__hub.self.ctx.tp, idle_first, &first);
	first.tid = main->tid;
	first_tp = vv__thread_pointer() + ((uintptr_t)main->thread - (uintptr_t)pthread_self());
	open_stat(&first);
	if (main == vv__self)
		vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &main->mask, sizeof main->mask);
	first.mask = main->mask;
	main->cpu_ns = first.clock.charged = vv__kernel_cpu_time(main->tid);
	if (main != vv__self)
		vv__clock_handover(&first, main);
	first.alt_stack = main->alt_stack;
	if (main == vv__self)
		vv__learn_alt_stack(main, &first);
	return &first;
}

void vv__carriers_forget(void)
{
	memset(&spare, 0, sizeof spare);
	memset(&first, 0, sizeof first);
}

/* ---- leaving and coming back ---- */

enum { SHORT_STRETCH_NS = 300000 };

/* The hub was handed over while g ran: leave this carrier and queue up for the hub. Returns inside, with the hub. */
void vv__rejoin(struct vv_greenlet *g)
{
	struct vv__carrier *c = g->carrier;

	vv__count(rejoins);
	g->inside = 1;
	vv__trace(VV__TRACE_STOP, g->id, 0, c->tid, VV__TRACE_READY);
	if (g->hog && vv__now() - g->stretch_start < SHORT_STRETCH_NS)
		g->hog = false;
	if (vv__clocks || c->clock.of == g)
		vv__clock_switch(c, NULL);
	c->post = g;
	vv__learn_alt_stack(g, c);
	if (vv__unlikely(vv__on_alt_stack(g)))
		vv__set_kernel_mask(c, ~0ul);
	g->holds = true; /* when it is resumed */
	g->rejoins = true;
	vv__context_switch(&g->ctx, &c->idle);
	g->rejoins = false;
}

void vv__move(struct vv_greenlet *g)
{
	struct vv__hub *h = g->hub;

	vv__count(hops);
	vv__enter(g);
	atomic_store(&g->state, VV__HOPPING);
	g->native = 1;
	g->hopped = true;
	g->away = true;
	atomic_fetch_add(&h->away, 1);
	vv__takes_its_own();
	vv__trace(VV__TRACE_STOP, g->id, 0, h->carrier->tid, VV__TRACE_HOP);
	if (vv__unlikely(vv__clocks))
		vv__clock_switch(h->carrier, NULL);
	g->holds = false;
	h->hop = g;
	vv__stop_alt_stack(g);
	h->leave_alt_stack = true;
	vv__context_switch(&g->ctx, &h->ctx);
	g->inside = 0; /* on the spare carrier */
	if (vv__has_signals(g))
		vv__hooks.run_handlers(g);
}

void vv__hop(void)
{
	struct vv_greenlet *g = vv__me();

	if (!g->native)
		g->hop_frame = (uintptr_t)__builtin_frame_address(0);
	if (vv__direct(g) || g->slice || vv__carrier_reserve() < 0)
		g->native++;
	else
		vv__move(g);
}

void vv__hop_back(void)
{
	struct vv_greenlet *g = vv__me();

	if (g->native > 1 || !g->hopped) {
		g->native -= g->native > 0; /* 0: forked during the hop, this is the child */
		return;
	}
	g->inside = 1;
	g->hopped = false;
	vv__rejoin(g);
	g->native = 0;
	vv__leave(g);
}

bool vv__carrier_spoil(void)
{
	struct vv__carrier *c = vv__me()->carrier;

	if (!c || c == &first)
		return false;
	c->spoiled = true;
	return true;
}

/*
 * Entered, on the first carrier. The hub goes on on a spare one, and main stays on the kernel thread by whose id others
 * know the process: what it is given there (a nice value, CPUs, namespaces) they see.
 */
static void stay(struct vv_greenlet *main)
{
	struct vv__hub *h = main->hub;
	struct vv__carrier *c = vv__carrier_take(true);

	atomic_store(&main->state, VV__HOPPING);
	main->native = 1;
	main->hopped = true;
	main->away = true;
	atomic_fetch_add(&h->away, 1);
	vv__takes_its_own();
	vv__trace(VV__TRACE_HANDOVER, main->id, 0, c->tid, VV__TRACE_READY);
	vv__clock_handover(&first, main);
	main->holds = false;
	h->carrier = c;
	vv__carrier_give(c, VV__JOB_HUB);
	main->inside = 0;
	if (vv__has_signals(main))
		vv__hooks.run_handlers(main);
}

/* Move to a kernel thread of its own, also if it is alone: others may come. */
static void settle(struct vv_greenlet *g)
{
	if (g != vv__main_greenlet()) {
		vv__move(g);
		return;
	}
	vv__enter(g);
	if (g->carrier == &first && g->hub->carrier == &first) {
		first.spoiled = true; /* nobody else runs there from then on */
		stay(g);
	} else {
		vv__leave(g);
		vv__move(g);
	}
}

/* Main waits where the kernel looks for the main thread: on the first carrier, if nobody else is busy there. */
void vv__hop_home(void)
{
	struct vv_greenlet *g = vv__me();

	if (g != vv__main_greenlet() || g->native || vv__direct(g) || g->slice || vv__carrier_reserve() < 0) {
		vv__hop();
		return;
	}
	g->hop_frame = (uintptr_t)__builtin_frame_address(0);
	vv__enter(g);
	if (g->carrier == &first) {
		stay(g);
		return;
	}
	homeward = true;
	vv__leave(g);
	vv__move(g);
}

void vv__pin(void)
{
	struct vv_greenlet *g = vv__me();

	if (g->native || g->slice || !atomic_load(&vv__started) || vv__carrier_reserve() < 0)
		vv__hop();
	else
		settle(g);
	g->pinned = true;
	g->traces = false;
	g->hop_frame = UINTPTR_MAX; /* no jump ends it */
	if (g->hopped && g->carrier->clock.of != g)
		vv__clock_switch(g->carrier, g);
	vv__carrier_spoil();
}

int vv__hub_tid(void)
{
	struct vv__carrier *c = vv__hub.carrier;

	return c ? c->tid : vv__syscall(SYS_gettid);
}

uintptr_t vv__kernel_thread_pointer(void)
{
	struct vv_greenlet *g = vv__self;
	struct vv__carrier *c = !g ? NULL : g->is_hub ? vv__hub.carrier : g->carrier;
	int tid = vv__syscall(SYS_gettid);

	if (tid == first.tid)
		return first_tp;
	return c && c->tid == tid ? c->idle.tp : vv__thread_pointer();
}

int vv__carrier_tid(struct vv_greenlet *g)
{
	uint8_t state = atomic_load(&g->state);

	if (g->foreign || !atomic_load(&vv__started))
		return g->tid;
	return (state == VV__RUNNING || state == VV__HOPPING) && g->carrier ? g->carrier->tid : 0;
}
