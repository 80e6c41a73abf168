/*
 * Condition variables. A private one uses none of its bytes but the flags that pthread_cond_init wrote: waiters queue
 * on its address, first come first served, and libc's own wait is never used for it. So both of glibc's layouts
 * (GLIBC_2.2.5 and 2.3.2) are the same to us, and destroying one never waits.
 *
 * A process-shared one with a process-shared mutex hops to the real wait, signals go both ways. With a private mutex
 * no other process can wait on it, and it is treated as private.
 */
#include "sync.h"

enum { SHARED = 1, MONOTONIC = 2 };

static unsigned flags_of(pthread_cond_t *c)
{
	return __atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED);
}

/* ---- waiting ---------------------------------------------------------------------------------------- */

struct waiting {
	struct vv_greenlet *g;
	pthread_mutex_t *mutex;
	bool released;
};

static void release(void *waiting)
{
	struct waiting *w = waiting;

	w->released = true;
	vv__mutex_release(w->g, w->mutex);
}

/* Cancellation takes effect with the mutex locked again, as POSIX asks. */
static int wait_parked(struct vv_greenlet *g, pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline)
{
	struct waiting w = {.g = g, .mutex = m};
	struct vv__park p = {.key = c, .deadline = deadline, .flags = VV__CANCEL, .what = "condition variable",
	    .then = release, .arg = &w};
	int r = vv__mutex_check(g, m), locked = 0;

	if (r)
		return r;
	r = vv__park_on(&p);
	if (w.released)
		locked = vv__mutex_reacquire(g, m);
	if (r == -ECANCELED)
		vv__cancel_now();
	if (locked)
		return locked;
	return r == -ETIMEDOUT || r == -ETIME ? -r : 0;
}

struct request {
	clockid_t clock;
	const struct timespec *time;
};

static int real_wait(pthread_cond_t *c, pthread_mutex_t *m, const struct request *q)
{
	if (!q->time)
		return REAL(pthread_cond_wait)(c, m);
	return REAL(pthread_cond_clockwait)(c, m, q->clock, q->time);
}

static void hop_back(void *unused)
{
	vv__hop_back();
}

static int wait_hopped(pthread_cond_t *c, pthread_mutex_t *m, const struct request *q)
{
	int r;

	vv__hop();
	pthread_cleanup_push(hop_back, NULL);
	r = real_wait(c, m, q);
	pthread_cleanup_pop(1);
	return r;
}

struct owning {
	struct vv_greenlet *g;
	struct vv__ownership o;
};

static void disown(void *owning)
{
	struct owning *own = owning;

	vv__disown(own->g, &own->o, false);
}

/* The mutex is unlocked and locked again inside, under the id that it bears. */
static int wait_owned(struct vv_greenlet *g, pthread_cond_t *c, pthread_mutex_t *m, const struct request *q)
{
	struct owning own = {.g = g};
	int r;

	vv__own(g, &own.o);
	pthread_cleanup_push(disown, &own);
	r = real_wait(c, m, q);
	pthread_cleanup_pop(1);
	if (r == ENOTRECOVERABLE)
		vv__own_less(g);
	return r;
}

static int wait_for(pthread_cond_t *c, pthread_mutex_t *m, const struct request *q)
{
	struct vv_greenlet *g = vv__me();
	int kind = vv__mutex_kind(m);

	if (vv__unlikely(!vv__family_on(sync)))
		return real_wait(c, m, q);
	if (vv__unlikely(flags_of(c) & SHARED && kind & VV__SHARED))
		return vv__mutex_kept(g, m) ? wait_owned(g, c, m, q) : wait_hopped(c, m, q);
	return wait_parked(g, c, m, q->time ? vv__deadline_at(q->clock, q->time) : VV__FOREVER);
}

VV_EXPORT int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	static const struct request for_ever;

	return wait_for(c, m, &for_ever);
}

VV_EXPORT int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *ts)
{
	struct request q = {clock, ts};

	if (!vv__timespec_valid(ts) || !vv__wait_clock(clock))
		return EINVAL;
	return wait_for(c, m, &q);
}

VV_EXPORT int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *ts)
{
	struct request q = {flags_of(c) & MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME, ts};

	if (!vv__timespec_valid(ts))
		return EINVAL;
	return wait_for(c, m, &q);
}

/* ---- waking ----------------------------------------------------------------------------------------- */

/* True if waiters may be in libc's own queue. */
static bool has_real_waiters(pthread_cond_t *c)
{
	if (vv__likely(!(flags_of(c) & SHARED)) && vv__likely(vv__family_on(sync)))
		return false;
	vv__real_need();
	return true;
}

VV_EXPORT int pthread_cond_signal(pthread_cond_t *c)
{
	if (has_real_waiters(c))
		REAL(pthread_cond_signal)(c);
	vv__wake(c, 1);
	return 0;
}

VV_EXPORT int pthread_cond_broadcast(pthread_cond_t *c)
{
	if (has_real_waiters(c))
		REAL(pthread_cond_broadcast)(c);
	vv__wake(c, INT32_MAX);
	return 0;
}

/* ---- the old layout --------------------------------------------------------------------------------- */

/* Programs bound to GLIBC_2.2.5 must not get that version's functions, which initialise eight bytes only. */
VV_EXPORT int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	vv__real_need();
	vv__forget_waiters(c);
	return REAL(pthread_cond_init)(c, attr);
}

VV_EXPORT int pthread_cond_destroy(pthread_cond_t *c)
{
	vv__real_need();
	return REAL(pthread_cond_destroy)(c);
}
