/*
 * Mutexes. They keep glibc's own representation, so objects may be shared with code that never comes through here: a
 * lock is libc's trylock, and a waiter parks on the mutex's address; an unlock is libc's, then a wake.
 *
 * Three ways, by kind. Private ones park. Process-shared ones without an owner hop to the real call. Those that bear
 * their owner's kernel id outside the process, and priority-protecting ones, are taken as owner.c says. Private
 * priority-inheriting ones park like the others: the kernel never learns of a waiter, so it never has to find the owner.
 */
#include "sync.h"

#include <linux/futex.h>
#include <sys/single_threaded.h>

/* ---- the normal kind, inline ------------------------------------------------------------------------ */

static bool is_normal(int kind)
{
	return (kind & ~VV__NO_ELISION) == 0;
}

/* Private, of any type, with neither a protocol nor robustness. */
static bool is_plain(int kind)
{
	return (kind & ~(VV__NO_ELISION | VV__TYPE)) == 0;
}

static bool take_normal(pthread_mutex_t *m, struct vv_greenlet *g)
{
	int unlocked = 0;

	if (__libc_single_threaded && m->__data.__lock == 0)
		m->__data.__lock = 1;
	else if (!__atomic_compare_exchange_n(
	             &m->__data.__lock, &unlocked, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	m->__data.__owner = g->tid;
	m->__data.__nusers++;
	return true;
}

/* After the exchange the mutex may be gone: only its address is used. */
static void release_normal(pthread_mutex_t *m)
{
	m->__data.__owner = 0;
	m->__data.__nusers--;
	if (__libc_single_threaded)
		m->__data.__lock = 0;
	else if (__atomic_exchange_n(&m->__data.__lock, 0, __ATOMIC_SEQ_CST) > 1)
		vv__syscall(SYS_futex, &m->__data.__lock, FUTEX_WAKE_PRIVATE, 1);
	vv__wake(m, 1);
}

/* ---- the kinds that ask who holds them, and adaptive ones, while they are free ------------------------- */

/* EBUSY: another holds it, or it is of a kind that is not for here. */
static int take_plain(pthread_mutex_t *m, struct vv_greenlet *g, int type)
{
	if (type != PTHREAD_MUTEX_ADAPTIVE_NP && m->__data.__owner == g->tid) {
		if (type == PTHREAD_MUTEX_ERRORCHECK)
			return EDEADLK;
		if (m->__data.__count + 1 == 0)
			return EAGAIN;
		m->__data.__count++;
		return 0;
	}
	if (!take_normal(m, g))
		return EBUSY;
	if (type == PTHREAD_MUTEX_RECURSIVE)
		m->__data.__count = 1;
	return 0;
}

static int release_plain(pthread_mutex_t *m, int type)
{
	struct vv_greenlet *g = vv__me();

	if (type != PTHREAD_MUTEX_ADAPTIVE_NP && m->__data.__owner != g->tid)
		return EPERM;
	if (type == PTHREAD_MUTEX_ERRORCHECK && m->__data.__lock == 0)
		return EPERM;
	if (type == PTHREAD_MUTEX_RECURSIVE && --m->__data.__count != 0)
		return 0;
	release_normal(m);
	return 0;
}

/* ---- attempts --------------------------------------------------------------------------------------- */

static bool is_taken(void *mutex)
{
	pthread_mutex_t *m = mutex;
	int word = __atomic_load_n(&m->__data.__lock, __ATOMIC_SEQ_CST);

	if (vv__mutex_kind(m) & (VV__ROBUST | VV__INHERIT))
		return word & FUTEX_TID_MASK && !(word & FUTEX_OWNER_DIED);
	return word != 0;
}

/* Nobody gets such a mutex any more; libc's own trylock would leave it locked. */
static bool is_lost(pthread_mutex_t *m, int kind)
{
	return kind & VV__ROBUST && __atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) == VV__NOT_RECOVERABLE;
}

/* What locking m answers, if it need not wait: never EBUSY for a mutex that the caller's kind would refuse to wait for. */
static int attempt(struct vv_greenlet *g, pthread_mutex_t *m, int kind)
{
	int r;

	if (is_lost(m, kind))
		return ENOTRECOVERABLE;
	r = REAL(pthread_mutex_trylock)(m);
	if (r == EBUSY && (kind & (VV__TYPE | VV__ROBUST | VV__INHERIT)) == PTHREAD_MUTEX_ERRORCHECK &&
	    __atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) == vv__tcb_tid(g))
		return EDEADLK;
	return r;
}

/* ---- waiting ---------------------------------------------------------------------------------------- */

/* A waiter that was woken and came too late keeps its turn. One whose time is over tries once more: a signal handler may
 * have lasted beyond the deadline, and libc would find the mutex free. */
static int lock_parked(struct vv_greenlet *g, pthread_mutex_t *m, int64_t deadline)
{
	uint64_t turn = 0;
	struct vv__park p = {
	    .key = m, .turn = &turn, .deadline = deadline, .what = "mutex", .valid = is_taken, .arg = m};
	bool late = false;
	int r;

	while ((r = attempt(g, m, vv__mutex_kind(m))) == EBUSY && !late)
		late = vv__park_on(&p) == -ETIMEDOUT;
	return r == EBUSY ? ETIMEDOUT : r;
}

/* What libc says to a time when it is about to wait. The three families of kinds check in three ways. */
static int check_time(int kind, const struct timespec *ts)
{
	if (kind & (VV__INHERIT | VV__INHERITED))
		return ts->tv_sec < 0 || !vv__timespec_valid(ts) ? EINVAL : 0;
	if (kind & VV__ROBUST && !vv__timespec_valid(ts))
		return EINVAL;
	if (ts->tv_sec < 0)
		return ETIMEDOUT;
	return vv__timespec_valid(ts) ? 0 : EINVAL;
}

/* A lock request: no time means for ever. */
struct request {
	clockid_t clock;
	const struct timespec *time;
};

static int real_lock(pthread_mutex_t *m, const struct request *q)
{
	if (!q->time)
		return REAL(pthread_mutex_lock)(m);
	return REAL(pthread_mutex_clocklock)(m, q->clock, q->time);
}

static int lock_private(struct vv_greenlet *g, pthread_mutex_t *m, int kind, const struct request *q)
{
	int r;

	if (vv__direct(g) && !(kind & (VV__INHERIT | VV__ROBUST)))
		return real_lock(m, q);
	r = attempt(g, m, kind);
	if (r != EBUSY)
		return r;
	if (!q->time)
		return lock_parked(g, m, VV__FOREVER);
	r = check_time(kind, q->time);
	return r ? r : lock_parked(g, m, vv__deadline_at(q->clock, q->time));
}

static int lock_shared(struct vv_greenlet *g, pthread_mutex_t *m, const struct request *q)
{
	int r = REAL(pthread_mutex_trylock)(m);

	if (r != EBUSY)
		return r;
	vv__hop();
	r = real_lock(m, q);
	vv__hop_back();
	return r;
}

static bool got(int r)
{
	return r == 0 || r == EOWNERDEAD;
}

/* libc keeps priorities that such a mutex raised in the thread control block: not for the next thread to find. */
static void note_priority(struct vv_greenlet *g, pthread_mutex_t *m)
{
	if (vv__mutex_kind(m) & VV__PROTECT)
		g->pooled = false;
}

static int lock_owned(struct vv_greenlet *g, pthread_mutex_t *m, const struct request *q)
{
	struct vv__ownership o;
	int r;

	note_priority(g, m);
	vv__own(g, &o);
	r = real_lock(m, q);
	if (r == ETIMEDOUT && vv__mutex_kind(m) & VV__PROTECT)
		vv__pin(); /* libc does not lower the priority again that it has raised, and counts on it */
	vv__disown(g, &o, got(r));
	return r;
}

static int lock_for(struct vv_greenlet *g, pthread_mutex_t *m, const struct request *q)
{
	int kind = vv__mutex_kind(m);

	if (vv__unlikely(!vv__family_on(sync)))
		return real_lock(m, q);
	if (vv__mutex_needs_kernel_id(kind))
		return lock_owned(g, m, q);
	return kind & VV__SHARED ? lock_shared(g, m, q) : lock_private(g, m, kind, q);
}

static int lock_slowly(struct vv_greenlet *g, pthread_mutex_t *m)
{
	static const struct request for_ever;

	return lock_for(g, m, &for_ever);
}

VV_EXPORT int pthread_mutex_lock(pthread_mutex_t *m)
{
	struct vv_greenlet *g = vv__me();
	int kind = vv__mutex_kind(m), r = EBUSY;

	if (vv__likely(is_normal(kind)) && vv__likely(take_normal(m, g)))
		return 0;
	if (is_plain(kind) && !is_normal(kind))
		r = take_plain(m, g, kind & VV__TYPE);
	if (vv__likely(r != EBUSY))
		return r;
	if (is_plain(kind) && vv__direct(g))
		return REAL(pthread_mutex_lock)(m);
	return lock_slowly(g, m);
}
VV_ALIAS(__pthread_mutex_lock, pthread_mutex_lock);

VV_EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *ts)
{
	struct request q = {clock, ts};

	if (!vv__wait_clock(clock))
		return EINVAL;
	return lock_for(vv__me(), m, &q);
}

VV_EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *ts)
{
	struct request q = {CLOCK_REALTIME, ts};

	return lock_for(vv__me(), m, &q);
}

VV_EXPORT int pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct vv_greenlet *g = vv__me();
	int kind = vv__mutex_kind(m), r;
	struct vv__ownership o;

	if (!vv__mutex_needs_kernel_id(kind) || !vv__family_on(sync))
		return REAL(pthread_mutex_trylock)(m);
	note_priority(g, m);
	vv__own(g, &o);
	r = REAL(pthread_mutex_trylock)(m);
	vv__disown(g, &o, got(r));
	return r;
}
VV_ALIAS(__pthread_mutex_trylock, pthread_mutex_trylock);

/* ---- unlocking -------------------------------------------------------------------------------------- */

/* The id under which m is held. Of an inconsistent robust mutex only the lock word knows it. */
static int holder(pthread_mutex_t *m, int kind)
{
	if (kind & (VV__ROBUST | VV__INHERIT))
		return __atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED) & FUTEX_TID_MASK;
	return __atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED);
}

bool vv__mutex_kept(struct vv_greenlet *g, pthread_mutex_t *m)
{
	int kind = vv__mutex_kind(m);

	return vv__mutex_needs_kernel_id(kind) && vv__owned_as(g, holder(m, kind));
}

/* Main locked it while it was alone, under the id of its first kernel thread, and runs on another now: the kernel, which has
 * waiters to serve, listens to the first one only. */
static void pass_on(struct vv_greenlet *g, pthread_mutex_t *m)
{
	int *word = &m->__data.__lock;

	if (m->__data.__owner == 0 && (__atomic_load_n(word, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == g->tid &&
	    vv__syscall(SYS_gettid) != g->tid)
		vv__call_on(g->tid, SYS_futex, (long)word, FUTEX_UNLOCK_PI, 0);
}

/* keep: around a wait on a condition, at whose end the mutex is locked again. */
static int unlock_owned(struct vv_greenlet *g, pthread_mutex_t *m, bool keep)
{
	struct vv__ownership o;
	int r;

	if (!vv__mutex_kept(g, m)) {
		r = REAL(pthread_mutex_unlock)(m);
		if (r == 0 && vv__mutex_kind(m) & VV__INHERIT && g == vv__main_greenlet())
			pass_on(g, m);
		return r;
	}
	vv__own(g, &o);
	r = REAL(pthread_mutex_unlock)(m);
	vv__disown(g, &o, false);
	if (!keep && (r == 0 || r == ENOTRECOVERABLE))
		vv__own_less(g);
	return r;
}

static int unlock_private(pthread_mutex_t *m, int kind)
{
	bool lost = kind & VV__ROBUST && m->__data.__owner == VV__INCONSISTENT;
	bool again = (kind & VV__TYPE) == PTHREAD_MUTEX_RECURSIVE && m->__data.__count > 1;
	int r = REAL(pthread_mutex_unlock)(m);

	if (r == 0 && !again)
		vv__wake(m, lost ? INT32_MAX : 1);
	return r;
}

static int unlock_slowly(pthread_mutex_t *m, int kind, bool keep)
{
	if (!is_plain(kind) && vv__mutex_needs_kernel_id(kind))
		return unlock_owned(vv__me(), m, keep);
	vv__real_need();
	return unlock_private(m, kind);
}

VV_EXPORT int pthread_mutex_unlock(pthread_mutex_t *m)
{
	int kind = vv__mutex_kind(m);

	if (vv__likely(is_normal(kind))) {
		release_normal(m);
		return 0;
	}
	return is_plain(kind) ? release_plain(m, kind & VV__TYPE) : unlock_slowly(m, kind, false);
}
VV_ALIAS(__pthread_mutex_unlock, pthread_mutex_unlock);

/* ---- around a wait on a condition ------------------------------------------------------------------- */

int vv__mutex_check(struct vv_greenlet *g, pthread_mutex_t *m)
{
	int kind = vv__mutex_kind(m), type = kind & VV__TYPE, held = holder(m, kind);
	bool owner_only = kind & (VV__ROBUST | VV__INHERIT) || type == PTHREAD_MUTEX_RECURSIVE ||
	                  type == PTHREAD_MUTEX_ERRORCHECK;

	if (kind < 0)
		return EINVAL;
	if (!owner_only || held == vv__tcb_tid(g))
		return 0;
	return vv__mutex_kept(g, m) ? 0 : EPERM;
}

void vv__mutex_release(struct vv_greenlet *g, pthread_mutex_t *m)
{
	int kind = vv__mutex_kind(m);

	m->__data.__nusers++;
	if (is_normal(kind))
		release_normal(m);
	else
		unlock_slowly(m, kind, true);
}

/* A mutex that was kept is now counted twice. */
static int reacquire_owned(struct vv_greenlet *g, pthread_mutex_t *m)
{
	unsigned owned = g->owned;
	int r = lock_slowly(g, m);

	if (owned && (g->owned > owned || !got(r)))
		vv__own_less(g);
	return r;
}

int vv__mutex_reacquire(struct vv_greenlet *g, pthread_mutex_t *m)
{
	int kind = vv__mutex_kind(m), r;

	if (is_normal(kind) && take_normal(m, g))
		r = 0;
	else
		r = vv__mutex_needs_kernel_id(kind) ? reacquire_owned(g, m) : lock_slowly(g, m);
	if (got(r))
		m->__data.__nusers--;
	return r;
}

/* ---- attributes that matter here -------------------------------------------------------------------- */

/*
 * glibc marks every robust mutex as process-shared. Tell the private ones apart: for robust kinds it never looks at that
 * bit again. Nor are they to inherit: libc would have the kernel give a dead owner's mutex to the next one, and the kernel
 * writes its own id of that thread into it. No waiter of a private mutex is in the kernel, so nobody inherits anything.
 */
static void note_private(pthread_mutex_t *m)
{
	int *kind = &m->__data.__kind;

	*kind &= ~VV__SHARED;
	if (*kind & VV__INHERIT && vv__family_on(sync))
		*kind ^= VV__INHERIT | VV__INHERITED;
}

VV_EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	int r, shared = PTHREAD_PROCESS_SHARED;

	vv__real_need();
	vv__forget_waiters(m);
	r = REAL(pthread_mutex_init)(m, attr);
	if (r == 0 && attr && m->__data.__kind & VV__ROBUST && pthread_mutexattr_getpshared(attr, &shared) == 0 &&
	    shared == PTHREAD_PROCESS_PRIVATE)
		note_private(m);
	return r;
}
VV_ALIAS(__pthread_mutex_init, pthread_mutex_init);

VV_EXPORT int pthread_mutex_consistent(pthread_mutex_t *m)
{
	struct vv_greenlet *g = vv__me();
	struct vv__ownership o;
	int r;

	if (!vv__mutex_kept(g, m))
		return REAL(pthread_mutex_consistent)(m);
	vv__own(g, &o);
	r = REAL(pthread_mutex_consistent)(m);
	vv__disown(g, &o, false);
	return r;
}
VV_ALIAS(pthread_mutex_consistent_np, pthread_mutex_consistent);

VV_EXPORT int pthread_mutex_setprioceiling(pthread_mutex_t *m, int ceiling, int *old)
{
	struct vv_greenlet *g = vv__me();
	struct vv__ownership o;
	int r;

	if (!(vv__mutex_kind(m) & VV__PROTECT))
		return REAL(pthread_mutex_setprioceiling)(m, ceiling, old);
	vv__own(g, &o);
	r = REAL(pthread_mutex_setprioceiling)(m, ceiling, old);
	vv__disown(g, &o, false);
	return r;
}
