/*
 * The parking lot: waits keyed by address, for locks, conditions, semaphores, futexes, joins.
 *
 * Protocol. A waiter locks the bucket of its address, counts itself, asks its caller whether there is still a reason to
 * wait, and queues itself; then it unlocks and sleeps. A waker first changes what the waiter waits for and then looks
 * at the bucket's count: zero, and it is done without a lock. The count is raised before the waiter looks, with
 * sequential consistency, so one of the two always sees the other (on x86 the waker's change must be a locked
 * instruction or be followed by a fence; vv__wake has the fence).
 */
#include "hub.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

struct vv__bucket {
	_Atomic int lock;
	_Atomic uint32_t count;
	struct vv__wait *head, *tail;
	uint64_t turns;
} __attribute__((aligned(32)));

enum { BUCKET_BITS = 14, BUCKETS = 1 << BUCKET_BITS };
static struct vv__bucket buckets[BUCKETS] __attribute__((aligned(4096)));

static struct vv__bucket *bucket_of(const void *key)
{
	return &buckets[(uintptr_t)key * 0x9e3779b97f4a7c15ul >> (64 - BUCKET_BITS)];
}

static void link_tail(struct vv__bucket *b, struct vv__wait *w)
{
	w->next = NULL;
	w->prev = b->tail;
	if (b->tail)
		b->tail->next = w;
	else
		b->head = w;
	b->tail = w;
}

static void link_before(struct vv__bucket *b, struct vv__wait *w, struct vv__wait *next)
{
	w->next = next;
	w->prev = next->prev;
	if (next->prev)
		next->prev->next = w;
	else
		b->head = w;
	next->prev = w;
}

/* Before the first waiter of the same key that queued up later. */
static void link_in_turn(struct vv__bucket *b, struct vv__wait *w)
{
	struct vv__wait *later = b->head;

	while (later && (later->key != w->key || later->turn < w->turn))
		later = later->next;
	if (later)
		link_before(b, w, later);
	else
		link_tail(b, w);
}

static void unlink_wait(struct vv__bucket *b, struct vv__wait *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		b->head = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		b->tail = w->prev;
}

/* A wait can be moved to another key at any time until its bucket is locked. */
static struct vv__bucket *lock_bucket_of(struct vv__wait *w)
{
	for (;;) {
		const void *key = __atomic_load_n(&w->key, __ATOMIC_ACQUIRE);
		struct vv__bucket *b = bucket_of(key);

		vv__lock(&b->lock);
		if (w->key == key)
			return b;
		vv__unlock(&b->lock);
	}
}

bool vv__unqueue_address(struct vv__wait *w, uint8_t state)
{
	struct vv__bucket *b = lock_bucket_of(w);
	bool queued = atomic_load(&w->state) == VV__QUEUED;

	if (queued) {
		unlink_wait(b, w);
		atomic_fetch_sub(&b->count, 1);
		atomic_store(&w->state, state);
	}
	vv__unlock(&b->lock);
	return queued;
}

/* ---- parking ---- */

static bool queue(struct vv__wait *w, const struct vv__park *p)
{
	struct vv__bucket *b = bucket_of(p->key);

	vv__lock(&b->lock);
	atomic_fetch_add(&b->count, 1);
	if (p->valid && !p->valid(p->arg)) {
		atomic_fetch_sub(&b->count, 1);
		vv__unlock(&b->lock);
		return false;
	}
	w->key = p->key;
	w->tag = p->tag;
	if (p->turn && *p->turn) {
		w->turn = *p->turn;
		link_in_turn(b, w);
	} else {
		w->turn = ++b->turns;
		link_tail(b, w);
		if (p->turn)
			*p->turn = w->turn;
	}
	vv__unlock(&b->lock);
	return true;
}

static long futex_wait(_Atomic int *word, int64_t deadline)
{
	struct timespec ts = {deadline / 1000000000, deadline % 1000000000};

	return vv__syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, 0,
	    deadline == VV__FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* A native greenlet sleeps on a futex of its own; signals reach it as any kernel thread. */
static int sleep_native(struct vv_greenlet *g, struct vv__wait *w, const struct vv__park *p)
{
	long r;

	while (atomic_load(&w->state) == VV__QUEUED) {
		if (p->flags & VV__CANCEL && vv__cancel_pending(g) && vv__unqueue_address(w, VV__TIMED_OUT))
			return -ECANCELED;
		if (p->flags & VV__CANCEL && atomic_load(&g->raised) && vv__unqueue_address(w, VV__TIMED_OUT))
			return vv__raised_error(g, p->flags);
		r = futex_wait(&g->native_futex, p->deadline);
		atomic_store(&g->native_futex, 0);
		if (r == -ETIMEDOUT && vv__unqueue_address(w, VV__TIMED_OUT))
			return -ETIMEDOUT;
		if (r == -EINTR && p->flags & VV__EINTR && !(p->flags & VV__RESTART) &&
		    vv__unqueue_address(w, VV__TIMED_OUT))
			return -EINTR;
	}
	return atomic_load(&w->state) == VV__WOKEN ? 0 : -ETIMEDOUT;
}

static int park_native(struct vv_greenlet *g, const struct vv__park *p)
{
	uint8_t inside = g->inside;
	struct vv__wait *w;
	int r;

	g->inside = 1;
	w = vv__wait_begin(g, VV__WAIT_ADDRESS, VV__FOREVER, p->what);
	r = !w ? -ENOMEM : queue(w, p) ? 0 : -EAGAIN;
	g->inside = inside;
	if (!inside && vv__has_signals(g))
		vv__hooks.run_handlers(g);
	if (r == 0 && p->then)
		p->then(p->arg);
	if (r == 0)
		r = sleep_native(g, w, p);
	if (w)
		vv__wait_end(g, w);
	return r;
}

int vv__park_entered(struct vv_greenlet *g, const struct vv__park *p)
{
	struct vv__wait *w = vv__wait_begin(g, VV__WAIT_ADDRESS, p->deadline, p->what);
	int r;

	if (!w)
		r = -ENOMEM;
	else if (!queue(w, p))
		r = -EAGAIN;
	else {
		if (p->then)
			p->then(p->arg);
		r = vv__wait_sleep(g, w, p->flags);
	}
	if (w)
		vv__wait_end(g, w);
	vv__leave(g);
	return r;
}

int vv__park_on(const struct vv__park *p)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (vv__asked(g))
		vv__relocate(g);
	if (g->native || !atomic_load(&vv__started)) {
		g->native++;
		r = park_native(g, p);
		g->native--;
		return r;
	}
	vv__enter(g);
	return vv__park_entered(g, p);
}

/* ---- waking ---- */

enum match { ANY, TAG, MASK };

static bool matches(const struct vv__wait *w, const void *key, uintptr_t tag, enum match how)
{
	if (w->key != key)
		return false;
	return how == ANY || (how == TAG ? w->tag == tag : (w->tag & tag) != 0);
}

/* With the bucket locked: the wait is over. Its greenlet may be gone as soon as the state has changed, but records
 * are never unmapped, and a wake too many is harmless. */
static void satisfy(struct vv__bucket *b, struct vv__wait *w)
{
	struct vv_greenlet *g = w->g;

	unlink_wait(b, w);
	atomic_fetch_sub(&b->count, 1);
	atomic_store(&w->state, VV__WOKEN);
	vv__ready(g);
}

static int wake_locked(struct vv__bucket *b, const void *key, uintptr_t tag, enum match how, int n)
{
	int woken = 0;

	for (struct vv__wait *w = b->head, *next; w && woken < n; w = next) {
		next = w->next;
		if (matches(w, key, tag, how)) {
			satisfy(b, w);
			woken++;
		}
	}
	return woken;
}

struct section {
	struct vv_greenlet *g;
	uint8_t inside;
	bool entered;
};

/* Around locked buckets: no signal handler, and the hub if it can be had, so that wakes go straight to its queue. */
static struct section begin(void)
{
	struct section s = {.g = vv__me()};

	s.inside = s.g->inside;
	s.g->inside = 1;
	s.entered = !s.g->native && !s.g->holds && vv__try_enter(s.g);
	return s;
}

static void end(struct section s)
{
	if (s.entered) {
		vv__leave(s.g);
		return;
	}
	s.g->inside = s.inside;
	if (!s.inside && vv__has_signals(s.g))
		vv__hooks.run_handlers(s.g);
}

static int wake(const void *key, uintptr_t tag, enum match how, int n)
{
	struct vv__bucket *b = bucket_of(key);
	struct section s;
	int woken;

#ifndef __x86_64__
	atomic_thread_fence(memory_order_seq_cst);
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
	if (vv__likely(atomic_load_explicit(&b->count, memory_order_relaxed) == 0))
		return 0;
	s = begin();
	vv__lock(&b->lock);
	woken = wake_locked(b, key, tag, how, n);
	vv__unlock(&b->lock);
	end(s);
	return woken;
}

int vv__wake(const void *key, int n)
{
	return wake(key, 0, ANY, n);
}

int vv__wake_tagged(const void *key, uintptr_t tag, int n)
{
	return wake(key, tag, TAG, n);
}

int vv__wake_masked(const void *key, uintptr_t mask, int n)
{
	return wake(key, mask, MASK, n);
}

int vv__waiters(const void *key, uintptr_t tag)
{
	struct vv__bucket *b = bucket_of(key);
	struct section s;
	int n = 0;

	if (atomic_load(&b->count) == 0)
		return 0;
	s = begin();
	vv__lock(&b->lock);
	for (struct vv__wait *w = b->head; w; w = w->next)
		n += matches(w, key, tag, tag ? TAG : ANY);
	vv__unlock(&b->lock);
	end(s);
	return n;
}

/* ---- moving waiters ---- */

static void lock_both(struct vv__bucket *a, struct vv__bucket *b)
{
	if (a > b) {
		lock_both(b, a);
		return;
	}
	vv__lock(&a->lock);
	if (a != b)
		vv__lock(&b->lock);
}

static int move_locked(struct vv__bucket *a, struct vv__bucket *b, const void *from, const void *to, int n)
{
	int moved = 0;

	for (struct vv__wait *w = a->head, *next; w && moved < n; w = next) {
		next = w->next;
		if (w->key != from)
			continue;
		unlink_wait(a, w);
		atomic_fetch_sub(&a->count, 1);
		atomic_fetch_add(&b->count, 1);
		__atomic_store_n(&w->key, to, __ATOMIC_RELEASE);
		w->turn = ++b->turns;
		link_tail(b, w);
		moved++;
	}
	return moved;
}

int vv__requeue(const void *from, const void *to, int nwake, int nmove, bool (*valid)(void *), void *arg)
{
	struct vv__bucket *a = bucket_of(from), *b = bucket_of(to);
	struct section s = begin();
	int n;

	lock_both(a, b);
	if (valid && !valid(arg))
		n = -EAGAIN;
	else {
		n = wake_locked(a, from, 0, ANY, nwake);
		if (from != to)
			n += move_locked(a, b, from, to, nmove);
	}
	if (a != b)
		vv__unlock(&b->lock);
	vv__unlock(&a->lock);
	end(s);
	return n;
}

void vv__forget_waiters(const void *key)
{
	static char limbo;

	if (atomic_load(&bucket_of(key)->count) != 0)
		vv__requeue(key, &limbo, 0, INT_MAX, NULL, NULL);
}

/* The kernel forgets them: half a megabyte written in every forked child would cost more than the fork itself. */
void vv__parking_forget(void)
{
	if (vv__syscall(SYS_madvise, buckets, sizeof buckets, MADV_DONTNEED) < 0)
		memset(buckets, 0, sizeof buckets);
}
