/*
 * Greenlets and their shells: birth, end, recycling.
 *
 * A shell is a glibc thread whose kernel thread has exited: real pthread_create lays out stack, guard, TLS and thread
 * control block (TCB) as the program asked; the new kernel thread publishes its registers and leaves; what remains can
 * be switched to from any carrier. Record and shell stay together for good: pthread_t leads to the TCB, whose vv__self
 * leads to the record. When the greenlet has ended and nobody will ask for it again, both go to the pool.
 */
#include "hub.h"
#include "trace.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* pthread.h declares these for its clean-up macros; we need the outermost frame to be ours without a handler. */
extern void __pthread_register_cancel(__pthread_unwind_buf_t *);
extern void __pthread_unregister_cancel(__pthread_unwind_buf_t *);
extern int __sigsetjmp(struct __jmp_buf_tag *, int) __attribute__((returns_twice));

__thread struct vv_greenlet *vv__self __attribute__((tls_model("initial-exec"), visibility("hidden")));

enum {
	FIRST_TID = 1 << 22,
	LAST_TID = 1 << 28, /* the numbers of CPU clocks have room for no more */
	POOL_MAX = 2048,
	POOL_WARM = 32, /* ended threads that keep their stack's pages */
};

static struct vv__slab records = {.size = (sizeof(struct vv_greenlet) + 63) & ~63u};
static struct vv_greenlet main_record;
static struct vv_greenlet *main_greenlet = &main_record; /* in a forked child: the one that forked */
static _Atomic uint64_t next_id = 2;
static _Atomic int next_tid = FIRST_TID;
static size_t tid_offset;     /* of the kernel's thread id in the TCB */
static size_t cancel_offset;  /* of the cancellation state in the TCB */
static ptrdiff_t self_offset; /* of vv__self from pthread_t */

struct vv__all vv__all;
_Atomic int vv__lively = 1;

/* ---- the list of all ---- */

static void list_add(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__self;
	uint8_t inside = me ? me->inside : 1;

	if (me)
		me->inside = 1;
	vv__lock(&vv__all.lock);
	g->all_prev = NULL;
	g->all_next = vv__all.head;
	if (vv__all.head)
		vv__all.head->all_prev = g;
	vv__all.head = g;
	vv__unlock(&vv__all.lock);
	if (me)
		me->inside = inside;
}

static void list_remove(struct vv_greenlet *g)
{
	vv__lock(&vv__all.lock);
	if (g->all_prev)
		g->all_prev->all_next = g->all_next;
	else if (vv__all.head == g)
		vv__all.head = g->all_next;
	if (g->all_next)
		g->all_next->all_prev = g->all_prev;
	g->all_next = g->all_prev = NULL;
	vv__unlock(&vv__all.lock);
}

int vv__each(int (*fn)(struct vv_greenlet *, void *), void *arg)
{
	struct vv_greenlet *me = vv__self;
	uint8_t inside = me ? me->inside : 1;
	int r = 0;

	if (me)
		me->inside = 1;
	vv__lock(&vv__all.lock);
	for (struct vv_greenlet *g = vv__all.head; g && !r; g = g->all_next)
		r = fn(g, arg);
	vv__unlock(&vv__all.lock);
	if (me)
		me->inside = inside;
	return r;
}

struct by_tid {
	int tid;
	struct vv_greenlet *found;
};

static int has_tid(struct vv_greenlet *g, void *arg)
{
	struct by_tid *b = arg;

	if (g->tid == b->tid && g->state != VV__FREE)
		b->found = g;
	return b->found != NULL;
}

struct vv_greenlet *vv__of_tid(int tid)
{
	struct by_tid b = {tid, NULL};

	vv__each(has_tid, &b);
	return b.found;
}

struct vv_greenlet **vv__self_of(pthread_t t)
{
	return (struct vv_greenlet **)((char *)t + self_offset);
}

/* No thread is 0: libc's functions know that themselves, most of them answer ESRCH. */
struct vv_greenlet *vv__of_thread(pthread_t t)
{
	struct vv_greenlet *g = t ? *vv__self_of(t) : NULL;

	return vv__unlikely(g && g->bystands) ? g->bystands : g;
}

struct vv_greenlet *vv__main_greenlet(void)
{
	return main_greenlet;
}

/* ---- the thread control block ---- */

int vv__tcb_tid(struct vv_greenlet *g)
{
	return tid_offset ? *(int *)((char *)g->thread + tid_offset) : g->tid;
}

size_t vv__tcb_tid_offset(void)
{
	return tid_offset;
}

void vv__tcb_set_tid(struct vv_greenlet *g, int tid)
{
	if (tid_offset)
		*(int *)((char *)g->thread + tid_offset) = tid;
}

/*
 * The place of the kernel's thread id in a TCB, which glibc tells debuggers: size in bits, count, offset. If it does not, a
 * fresh TCB is searched for the id; any word may have that value by chance, the upper half of a pointer first of all.
 */
static void find_tid(pthread_t self, int tid)
{
	enum { FROM = 64, TO = 2304 };

	for (size_t i = FROM; i < TO && !tid_offset; i += sizeof(int))
		if (*(int *)((char *)self + i) == tid)
			tid_offset = i;
	if (!tid_offset)
		vv__die("this glibc keeps its thread ids where they cannot be found");
}

static void ask_tid_offset(void)
{
	const uint32_t *place = dlvsym(RTLD_DEFAULT, "_thread_db_pthread_tid", "GLIBC_PRIVATE");

	if (place && place[0] == 8 * sizeof(int))
		tid_offset = place[2];
}

int *vv__tcb_tid_word(struct vv_greenlet *g)
{
	if (!tid_offset)
		ask_tid_offset();
	if (!tid_offset)
		find_tid(g->thread, g->tid);
	return (int *)((char *)g->thread + tid_offset);
}

/* The same for the cancellation state: it is the word that changes when cancellation is disabled. */
static void find_cancel(pthread_t self)
{
	enum { FROM = 64 / sizeof(int), TO = 2304 / sizeof(int) };
	int before[TO], *tcb = (int *)self, state;

	memcpy(before, tcb, sizeof before);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	for (size_t i = FROM; i < TO; i++)
		if (tcb[i] == (before[i] | VV__CANCEL_DISABLED) && tcb[i] != before[i])
			cancel_offset = i * sizeof(int);
	pthread_setcancelstate(state, NULL);
	if (!cancel_offset)
		vv__die("this glibc keeps its cancellation state where it cannot be found");
}

static void find_cancel_word(struct vv_greenlet *g)
{
	g->cancel = (_Atomic int *)((char *)g->thread + cancel_offset);
}

static int fresh_tid(void)
{
	int tid = atomic_fetch_add(&next_tid, 1);

	if (tid >= LAST_TID)
		atomic_store(&next_tid, FIRST_TID);
	return tid;
}

/* The kernel no longer updates the restartable-sequence area of a thread that is gone; say so to sched_getcpu. */
static void rseq_gone(void)
{
	extern const ptrdiff_t __rseq_offset;
	extern const unsigned __rseq_size;
	enum { CPU_ID = 4, UNINITIALIZED = -1 };

	if (__rseq_size)
		*(volatile int *)((char *)vv__thread_pointer() + __rseq_offset + CPU_ID) = UNINITIALIZED;
}

/* ---- shells ---- */

/*
 * On the doomed kernel thread of a new shell: make its TCB fit for any carrier, save the registers, end. The kernel tells
 * when it is done with TCB and stack (its robust list, signals that came): it clears `unborn`, as it would have cleared
 * the TCB's thread id. Returns on the first switch to g.
 */
void vv__shell_publish(struct vv_greenlet *g)
{
	vv__self = g;
	g->thread = pthread_self();
	if (!tid_offset)
		find_tid(g->thread, vv__syscall(SYS_gettid));
	g->ctx.tp = vv__thread_pointer();
	find_cancel_word(g);
	rseq_gone();
	vv__tcb_set_tid(g, g->tid);
	vv__syscall(SYS_set_tid_address, &g->unborn);
	vv__context_publish(&g->ctx);
}

void vv__shell_await(struct vv_greenlet *g)
{
	int unborn;

	while ((unborn = atomic_load(&g->unborn)))
		vv__syscall(SYS_futex, &g->unborn, FUTEX_WAIT, unborn, NULL);
}

_Atomic bool vv__filtered;

static int is_unborn(struct vv_greenlet *g, void *unused)
{
	(void)unused;
	return atomic_load(&g->unborn);
}

/* Asks again and again: the kernel wakes one waiter only, and that may be the hub (vv__shell_await). */
void vv__filter_begins(void)
{
	struct timespec moment = {0, 50000};

	atomic_store(&vv__filtered, true);
	vv__monitor_without_timer();
	while (vv__each(is_unborn, NULL))
		vv__syscall(SYS_nanosleep, &moment, NULL);
}

static int copy_attr(pthread_attr_t *to, const pthread_attr_t *from)
{
	size_t size, guard;
	void *stack;

	if (pthread_attr_getstacksize(from, &size) == 0 && size)
		pthread_attr_setstacksize(to, size);
	if (pthread_attr_getguardsize(from, &guard) == 0)
		pthread_attr_setguardsize(to, guard);
	/* getstack fails if no stack was given */
	if (pthread_attr_getstack(from, &stack, &size) == 0 && stack && (uintptr_t)stack + size != 0 &&
	    size && (uintptr_t)stack + size > size)
		pthread_attr_setstack(to, stack, size);
	return 0;
}

static void give_stack_back(struct vv_greenlet *g)
{
	if (g->stack)
		vv__stack_put(g->stack, g->stack_size, g->guard_size);
}

/* What the program asked for, and every signal blocked. */
static int make_attr(pthread_attr_t *own, const pthread_attr_t *attr)
{
	sigset_t every;
	int r = pthread_attr_init(own);

	if (r)
		return r;
	if (attr)
		copy_attr(own, attr);
	sigfillset(&every);
	return pthread_attr_setsigmask_np(own, &every);
}

static int create(struct vv_greenlet *g, const pthread_attr_t *attr, void *(*entry)(void *), void *arg)
{
	g->tid = fresh_tid();
	g->unborn = 1;
	return vv__hooks.pthread_create(&g->thread, attr, entry, arg);
}

static int create_as_asked(
    struct vv_greenlet *g, const pthread_attr_t *asked, void *(*entry)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = make_attr(&attr, asked);

	if (r)
		return r;
	if (g->stack)
		pthread_attr_setstack(&attr, g->stack, g->stack_size);
	r = create(g, &attr, entry, arg);
	pthread_attr_destroy(&attr);
	return r;
}

static pthread_attr_t none; /* what who asks for nothing gets: one copy for all */

int vv__shells_start(void)
{
	static bool made;
	int r = made ? 0 : make_attr(&none, NULL);

	if (!made && !tid_offset)
		ask_tid_offset(); /* here: on the shell's kernel thread the loader's lock may be another's */
	made = r == 0;
	return -r;
}

int vv__shell_start(struct vv_greenlet *g, const pthread_attr_t *attr, void *(*entry)(void *), void *arg)
{
	int r;

	if (g->pooled)
		g->stack = vv__stack_get(g->stack_size, g->guard_size);
	r = attr || g->stack ? create_as_asked(g, attr, entry, arg) : create(g, &none, entry, arg);
	if (r) {
		give_stack_back(g);
		return -r;
	}
	/* The shell will do the same; but the creator may ask for its thread before that. */
	*vv__self_of(g->thread) = g;
	find_cancel_word(g);
	vv__count(shells);
	return 0;
}

/* ---- running ---- */

static void end(struct vv_greenlet *g, void *value, bool unwound);

/* The outermost frame of every thread greenlet. pthread_exit and cancellation unwind to the buffer registered here, as
 * they would to glibc's own, after every clean-up handler and C++ destructor has run. */
static void run(void)
{
	__pthread_unwind_buf_t buf;
	void *value;

	memset(&buf, 0, sizeof buf);
	if (__sigsetjmp((struct __jmp_buf_tag *)buf.__cancel_jmp_buf, 0)) {
		end(vv__self, vv__self->value, true);
		vv__die("an ended greenlet was resumed");
	}
	__pthread_register_cancel(&buf);
	vv__self->value = PTHREAD_CANCELED; /* unless pthread_exit or a return says otherwise */
	vv__leave(vv__self);
	value = vv__self->fn(vv__self->arg);
	__pthread_unregister_cancel(&buf);
	end(vv__self, value, false);
}

static void *shell_main(void *greenlet)
{
	vv__shell_publish(greenlet);
	for (;;)
		run();
	return NULL;
}

static void end(struct vv_greenlet *g, void *value, bool unwound)
{
	g->value = value;
	g->unwound = unwound;
	if (g->user && vv__hooks.vv_ends)
		vv__hooks.vv_ends(g);
	atomic_fetch_or(g->cancel, VV__CANCEL_EXITING);
	vv__abandon_waits(g);
	vv__hooks.greenlet_ends(g);
	if (atomic_fetch_sub(&vv__lively, 1) == 1)
		exit(0); /* the last thread, as glibc would */
	if (g->hopped) {
		g->inside = 1;
		g->hopped = false;
		vv__rejoin(g);
		g->native = 0;
	} else {
		g->native = 0;
		vv__enter(g);
	}
	vv__trace(VV__TRACE_STOP, g->id, 0, g->hub->carrier->tid, VV__TRACE_ENDED);
	if (vv__unlikely(vv__clocks))
		vv__clock_turn(g->hub->carrier, NULL);
	g->hub->ended = g;
	vv__stop_alt_stack(g);
	g->hub->leave_alt_stack = true;
	vv__context_switch(&g->ctx, &g->hub->ctx);
}

void vv__end_here(void)
{
	struct vv_greenlet *g = vv__self;

	end(g, g->value, true);
	vv__die("an ended greenlet was resumed");
}

/* ---- ending ---- */

static bool poolable(struct vv_greenlet *g)
{
	return g->pooled && !g->unwound && g->hub->pool_n < POOL_MAX;
}

static void put_away(struct vv_greenlet *g)
{
	struct vv__hub *h = g->hub;
	struct vv_greenlet **list = poolable(g) ? &h->pool : &h->discard;

	if (list == &h->pool && ++h->pool_n > POOL_WARM)
		vv__stack_trim(g);
	list_remove(g);
	atomic_store(&g->state, VV__FREE);
	g->next = *list;
	*list = g;
}

/* In the hub: g's registers are saved; tell those who wait for it. */
void vv__greenlet_ended(struct vv_greenlet *g)
{
	struct vv__hub *h = g->hub;

	vv__count(ended);
	atomic_fetch_sub(&vv__live, 1);
	if (h->masked)
		atomic_store_explicit(&h->masks_dirty, 1, memory_order_relaxed);
	if (g->shell_class && g != main_greenlet) {
		atomic_store(&g->state, VV__DONE);
		if (atomic_fetch_or(&g->join_state, VV__ENDED) == VV__DETACHED)
			vv__drop(g);
		return;
	}
	if (atomic_fetch_or(&g->join_state, VV__ENDED) == VV__DETACHED && g != main_greenlet) {
		put_away(g);
		return;
	}
	atomic_store(&g->state, VV__DONE); /* from here on the record may be another's */
	vv__wake(&g->joiner, INT32_MAX);
}

static bool not_done(void *greenlet)
{
	struct vv_greenlet *g = greenlet;

	return atomic_load(&g->state) != VV__DONE;
}

int vv__join(struct vv_greenlet *g, int64_t deadline, unsigned flags)
{
	struct vv__park p = {.key = &g->joiner,
	    .deadline = deadline,
	    .flags = flags,
	    .what = "thread",
	    .valid = not_done,
	    .arg = g};
	int r;

	while (not_done(g)) {
		r = vv__park_on(&p);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return 0;
}

/* Shells that cannot be used again go back to glibc: with their tid cleared a real join returns at once. */
static void discard_shells(struct vv_greenlet *g)
{
	while (g) {
		struct vv_greenlet *next = g->next;

		vv__tcb_set_tid(g, 0);
		vv__hooks.pthread_join(g->thread, NULL);
		give_stack_back(g);
		vv__slab_put(&records, g);
		g = next;
	}
}

static struct vv_greenlet *take_discarded(struct vv_greenlet *me)
{
	struct vv_greenlet *list;

	if (me->native || !me->hub->discard)
		return NULL;
	vv__enter(me);
	list = me->hub->discard;
	me->hub->discard = NULL;
	vv__leave(me);
	return list;
}

void vv__release(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__me();

	if (g == main_greenlet || g->foreign || g->shell_class)
		return;
	if (g->behind) {
		atomic_store(&g->state, VV__FREE);
		return;
	}
	if (me->native) {
		list_remove(g);
		g->next = NULL; /* who was behind it in the run queue when it ran last */
		discard_shells(g);
		return;
	}
	vv__enter(me);
	put_away(g);
	vv__leave(me);
	discard_shells(take_discarded(me));
}

/* ---- spawning ---- */

struct sizes {
	size_t stack, guard;
	bool plain; /* nothing but sizes was asked for */
	bool usual; /* and those are what one gets that asks for nothing */
};

static struct sizes usual; /* of a thread whose creator asks for nothing; not plain: not known */

void vv__usual_changed(void)
{
	usual.plain = false;
}

static struct sizes usual_sizes(void)
{
	struct sizes s = {0, 0, true, true};
	pthread_attr_t attr;

	if (usual.plain)
		return usual;
	if (pthread_getattr_default_np(&attr) == 0) {
		pthread_attr_getstacksize(&attr, &s.stack);
		pthread_attr_getguardsize(&attr, &s.guard);
		pthread_attr_destroy(&attr);
	}
	s.usual =
	    s.guard == (size_t)getpagesize(); /* as fresh attributes have it, whatever the defaults are */
	return usual = s;
}

static struct sizes sizes_of(const pthread_attr_t *attr)
{
	struct sizes normal = usual_sizes(), s = {0, 0, true, false};
	void *stack;
	size_t size;

	if (!attr)
		return normal;
	pthread_attr_getstacksize(attr, &s.stack);
	pthread_attr_getguardsize(attr, &s.guard);
	if (pthread_attr_getstack(attr, &stack, &size) == 0 && stack && (uintptr_t)stack + size > size)
		s.plain = false;
	s.usual = normal.usual && s.plain && s.stack == normal.stack && s.guard == normal.guard;
	return s;
}

static struct vv_greenlet *from_pool(struct vv_greenlet *me, struct sizes s)
{
	struct vv_greenlet **p = &me->hub->pool, *g;

	for (int i = 0; *p && i < 8; i++, p = &(*p)->next) {
		g = *p;
		if (g->stack_size != s.stack || g->guard_size != s.guard)
			continue;
		*p = g->next;
		me->hub->pool_n--;
		vv__count(recycled);
		return g;
	}
	return NULL;
}

/* What a new greenlet starts with; the record keeps its shell and saved context. */
static void reset(struct vv_greenlet *g, struct vv_greenlet *me, vv__start_fn fn, void *arg, int join_state)
{
	g->hub = &vv__hub;
	g->id = atomic_fetch_add(&next_id, 1);
	g->fn = fn;
	g->arg = arg;
	g->value = NULL;
	g->join_state = join_state;
	g->mask = me->mask;
	memcpy(g->name, me->name, sizeof g->name);
	g->inside = 1;
	g->holds = true;
	g->native = 0;
	g->hog = g->unwound = g->away = g->hopped = g->cooperative = g->pinned = g->lent = false;
	g->traces = false;
	g->lent_at_birth = false;
	atomic_store_explicit(&g->asked, VV__STAY, memory_order_relaxed);
	g->pending = 0;
	if (g->cancel)
		atomic_store(g->cancel, 0);
	g->raised = 0;
	g->switches = g->lend_turns = 0;
	g->cpu_ns = g->user_ns = g->told_ns = 0;
	g->made = g->hub->now;
	g->wait = NULL;
	g->alt_stack = (stack_t){.ss_size = 0};
	g->handled = 0;
	memset(g->writes, 0, sizeof g->writes);
	g->dtors = g->locals = g->user = g->signal_data = g->sched = NULL;
}

/* Tell those who count. */
static void announce(struct vv_greenlet *me, struct vv_greenlet *g)
{
	int live = atomic_fetch_add(&vv__live, 1) + 1;

	atomic_fetch_add(&vv__lively, 1);
	if (live == 2)
		g->made = vv__hub.now = vv__now(); /* nobody has looked at the clock while it was alone */
	if ((uint64_t)live > atomic_load_explicit(&vv__stats.peak, memory_order_relaxed))
		atomic_store_explicit(&vv__stats.peak, live, memory_order_relaxed);
	vv__count(created);
	if (vv__unlikely(atomic_load_explicit(&vv__lend_share, memory_order_relaxed)))
		vv__lend_newborn(g);
	if (vv__unlikely(atomic_load(&vv__monitor_deep) == VV__MONITOR_DEEP))
		vv__monitor_arm(); /* it sleeps while there is one greenlet only */
	list_add(g);
	vv__unblocked(g->mask);
	if (vv__unlikely(vv__tracing))
		vv__trace_new(g, me);
}

static void go(struct vv_greenlet *me, struct vv_greenlet *g)
{
	announce(me, g);
	atomic_store(&g->state, VV__RUNNABLE);
	if (me->holds)
		vv__push(&vv__hub, g);
	else
		vv__inbox_push(&vv__hub, g);
}

/* What glibc's attributes say about the signal mask. */
static void take_mask(struct vv_greenlet *g, const pthread_attr_t *attr)
{
	sigset_t mask;

	if (attr && pthread_attr_getsigmask_np(attr, &mask) == 0)
		memcpy(&g->mask, &mask, sizeof g->mask);
}

static void prepare(struct vv_greenlet *g, const struct vv__birth *b)
{
	take_mask(g, b->attr);
	if (b->thread)
		*b->thread = g->thread;
	if (b->prepare)
		b->prepare(g, b->data);
}

static struct vv_greenlet *make(struct vv_greenlet *me, const struct vv__birth *b, struct sizes s, int *error)
{
	struct vv_greenlet *g = vv__slab_get(&records);
	int r;

	if (!g) {
		*error = EAGAIN;
		return NULL;
	}
	g->stack_size = s.stack;
	g->guard_size = s.guard;
	g->pooled = s.plain;
	g->fresh = true;
	reset(g, me, b->fn, b->arg, b->join_state);
	r = vv__shell_start(g, s.usual ? NULL : b->attr, shell_main, g);
	if (r < 0) {
		vv__slab_put(&records, g);
		*error = -r;
		return NULL;
	}
	return g;
}

static struct vv_greenlet *recycle(struct vv_greenlet *me, const struct vv__birth *b, struct sizes s)
{
	struct vv_greenlet *g;

	vv__enter(me);
	g = from_pool(me, s);
	if (g) {
		reset(g, me, b->fn, b->arg, b->join_state);
		vv__tcb_set_tid(g, g->tid = fresh_tid());
		vv__context_inherit(&g->ctx);
		prepare(g, b);
		go(me, g);
	}
	vv__leave(me);
	return g;
}

/* As if it had been pinned there (vv__pin) by its first instruction. */
static int go_alone(struct vv_greenlet *me, struct vv_greenlet *g, const struct vv__birth *b)
{
	struct vv__carrier *c;

	vv__shell_await(g);
	c = vv__carrier_alone();
	if (!c) {
		g->next = NULL;
		discard_shells(g);
		return EAGAIN;
	}
	g->fresh = g->holds = false;
	g->native = 1;
	g->hopped = g->pinned = g->away = true;
	g->hop_frame = UINTPTR_MAX;
	g->carrier = c;
	atomic_fetch_add(&vv__hub.away, 1);
	atomic_store(&g->state, VV__HOPPING);
	prepare(g, b);
	announce(me, g);
	vv__carrier_give(c, g);
	return 0;
}

/*
 * Who makes one shell after the other keeps the hub for as long as that takes, tens of microseconds each: before that is
 * long enough for a hand-over, let those run that are there.
 */
static bool has_made_many(struct vv__hub *h)
{
	enum { MANY = 32 };
	uint64_t ticks = atomic_load_explicit(&h->ticks, memory_order_relaxed);

	if (h->births_at != ticks)
		h->births = 0;
	h->births_at = ticks;
	return ++h->births == MANY;
}

static void go_to_hub(struct vv_greenlet *me, struct vv_greenlet *g, const struct vv__birth *b)
{
	bool enough;

	if (me->native) {
		prepare(g, b);
		go(me, g);
		return;
	}
	vv__enter(me);
	prepare(g, b);
	go(me, g);
	enough = has_made_many(me->hub);
	vv__leave(me);
	if (enough && !me->slice)
		vv__yield();
}

static int spawn(struct vv_greenlet *me, struct vv_greenlet **out, const struct vv__birth *b)
{
	struct sizes s = sizes_of(b->attr);
	int r = 0;

	if (!atomic_load(&vv__started) && vv__hub_start(me) < 0)
		return ENOENT;
	discard_shells(take_discarded(me));
	if (!me->native && !b->alone && s.plain && me->hub->pool && (*out = recycle(me, b, s)))
		return 0;
	*out = make(me, b, s, &r);
	if (r)
		return r;
	if (b->alone)
		return go_alone(me, *out, b);
	go_to_hub(me, *out, b);
	return 0;
}

int vv__spawn(struct vv_greenlet **out, const struct vv__birth *b)
{
	int r = spawn(vv__me(), out, b);

	vv__monitor_need();
	return r;
}

/* ---- vv greenlets ---- */

static void light_main(void *unused)
{
	run();
}

struct vv_greenlet *vv__light(size_t stack, vv__start_fn fn, const void *data, size_t size)
{
	struct vv_greenlet *me = vv__me(), *g;
	char *top;
	void *user;

	if (!atomic_load(&vv__started) && vv__hub_start(me) < 0)
		return NULL;
	vv__monitor_keep();
	g = vv__shell_take(stack + size);
	if (!g)
		return NULL;
	user = g->user;
	top = (char *)vv__shell_stack_top(g) - ((size + 63) & ~63ul);
	reset(g, me, fn, data ? memcpy(top, data, size) : NULL, VV__JOINABLE);
	g->user = user;
	g->name[0] = 0;
	g->cooperative = true;
	g->fresh = false;
	vv__tcb_set_tid(g, g->tid = fresh_tid());
	vv__context_make(&g->ctx, top, g->ctx.tp, light_main, NULL);
	return g;
}

void vv__go(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__self;
	bool enter = !me->native && !me->holds;

	if (enter)
		vv__enter(me);
	go(me, g);
	if (enter)
		vv__leave(me);
}

void vv__drop(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__self;
	uint8_t inside = me->inside;

	me->inside = 1;
	if (g->state != VV__FREE)
		list_remove(g);
	atomic_store(&g->state, VV__FREE);
	vv__shell_put(g);
	me->inside = inside;
}

void vv__unwind(struct vv_greenlet *g, void *value)
{
	g->value = value;
	vv__hooks.pthread_exit(value);
	vv__die("pthread_exit returned");
}

/* ---- slices (slice.c) ---- */

/* A record that shares me's shell; counted, not yet ready. Inside. */
struct vv_greenlet *vv__twin(struct vv_greenlet *me)
{
	struct vv_greenlet *g = vv__slab_get(&records);
	int live;

	if (!g)
		return NULL;
	reset(g, me, NULL, NULL, VV__DETACHED);
	g->thread = me->thread;
	g->tid = me->tid;
	g->cancel = me->cancel;
	g->value = me->value;
	g->alt_stack = me->alt_stack;
	live = atomic_fetch_add(&vv__live, 1) + 1;
	atomic_fetch_add(&vv__lively, 1);
	if ((uint64_t)live > atomic_load_explicit(&vv__stats.peak, memory_order_relaxed))
		atomic_store_explicit(&vv__stats.peak, live, memory_order_relaxed);
	vv__count(created);
	list_add(g);
	return g;
}

void vv__twin_gone(struct vv_greenlet *g)
{
	vv__count(ended);
	atomic_fetch_sub(&vv__live, 1);
	atomic_fetch_sub(&vv__lively, 1);
	list_remove(g);
	atomic_store(&g->state, VV__FREE);
	g->slice = NULL;
	if (g->wait1.many)
		vv__syscall(SYS_munmap, g->wait1.many, g->wait1.cap * sizeof *g->wait1.many);
	g->wait1.many = NULL;
	if (g != &main_record)
		vv__slab_put(&records, g);
}

/* g is what the program calls its main thread from now on. */
void vv__set_main(struct vv_greenlet *g)
{
	main_greenlet = g;
}

/* ---- adoption ---- */

static struct vv_greenlet *adopt_main(void)
{
	struct vv_greenlet *g = &main_record;

	g->hub = &vv__hub;
	g->id = 1;
	g->made = vv__now();
	g->thread = pthread_self();
	g->ctx.tp = vv__thread_pointer();
	g->tid = vv__syscall(SYS_gettid);
	g->state = VV__RUNNING;
	g->value = PTHREAD_CANCELED;
	vv__syscall(SYS_prctl, PR_GET_NAME, g->name);
	find_cancel(g->thread);
	find_cancel_word(g);
	self_offset = (char *)&vv__self - (char *)g->thread;
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &g->mask, sizeof g->mask);
	vv__self = g;
	if (vv__all.head != g)
		list_add(g);
	return g;
}

static void foreign_ends(void *greenlet)
{
	list_remove(greenlet);
	vv__self = NULL;
	vv__slab_put(&records, greenlet);
}

/* A key of glibc's, not a thread_local destructor: registering one allocates, and other keys' destructors that call us
 * later would adopt the thread a second time for good. A low key's value is inside the thread control block. */
static pthread_key_t foreign_key;
static bool foreign_key_made;

/* A kernel thread that libc made for itself, or the program behind our back: it keeps its kernel thread. */
static struct vv_greenlet *adopt_foreign(void)
{
	struct vv_greenlet *g = vv__slab_get(&records);

	if (!g)
		vv__die("out of memory for a thread");
	g->hub = &vv__hub;
	g->id = atomic_fetch_add(&next_id, 1);
	g->thread = pthread_self();
	g->tid = vv__syscall(SYS_gettid);
	find_cancel_word(g);
	g->foreign = true;
	g->made = vv__now();
	g->native = 1;
	g->state = VV__RUNNING;
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &g->mask, sizeof g->mask);
	vv__self = g;
	list_add(g);
	if (foreign_key_made)
		vv__hooks.setspecific(foreign_key, g);
	return g;
}

/* The shim's: reads the configuration, calls vv__core_init. A program of the core alone has none. */
extern void vv__shim_start(void) __attribute__((weak));

struct vv_greenlet *vv__adopt(void)
{
	struct vv_greenlet *g;

	if (main_record.id == 0) {
		g = adopt_main();
		if (vv__shim_start)
			vv__shim_start();
		return g;
	}
	g = adopt_foreign();
	return g;
}

bool vv__give_up_key(pthread_key_t *key)
{
	bool made = __atomic_exchange_n(&foreign_key_made, false, __ATOMIC_SEQ_CST);

	if (made)
		*key = foreign_key;
	return made;
}

/* The program's first keys are the numbers that it gets without us; ours is the last that lies in the block. */
static bool take_key(void)
{
	enum { IN_BLOCK = 32 };
	pthread_key_t keys[IN_BLOCK];
	int n = 0;

	while (n < IN_BLOCK && vv__hooks.key_create(&keys[n], foreign_ends) == 0 && keys[n++] < IN_BLOCK - 1)
		;
	if (n == 0)
		return false;
	foreign_key = keys[--n];
	while (n-- > 0)
		vv__hooks.key_delete(keys[n]);
	return true;
}

void vv__core_init(const struct vv__hooks *hooks)
{
	vv__hooks = *hooks;
	vv__context_init();
	foreign_key_made = hooks->key_create && take_key();
}

/* ---- fork ---- */

/* Threads that stayed behind have ended, as glibc has it: who joins one need not wait. Their shells are glibc's again. */
void vv__greenlets_forget(struct vv_greenlet *keep)
{
	for (struct vv_greenlet *g = vv__all.head; g; g = g->all_next)
		if (g != keep && !g->foreign) {
			g->behind = true;
			g->value = NULL;
			atomic_fetch_or(&g->join_state, VV__ENDED);
			atomic_store(&g->state, VV__DONE);
		}
	vv__all.lock = 0;
	vv__all.head = NULL;
	records = (struct vv__slab){.size = records.size};
	main_greenlet = keep;
	list_add(keep);
}
