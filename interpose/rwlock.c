/*
 * Read-write locks. A private one is taken with libc's trylocks and given back with its unlock, so its state is
 * glibc's own; but waiters park, and libc never has a waiter to hand the lock to. Who is woken follows the lock's kind:
 * readers first, or (writer-preferring kinds) the next writer. A kind that also holds new readers back while a writer
 * waits needs to know that one waits: their number is kept in a padding word of the lock, which is zero from the start.
 *
 * A process-shared one is taken with the trylocks, too; who finds it busy hops to the real call, under a kernel thread's
 * id. Its writer's id tells other processes nothing: each greenlet knows itself which locks it writes.
 */
#include "sync.h"

enum { READER = 1, WRITER = 2 }; /* tags of waiters */

/* glibc's bits of __readers: a write phase; a writer has it or is next; readers wait for the writer. */
enum { WRITE_PHASE = 1, WRITE_LOCKED = 2, READERS_WAIT = 4, ONE_READER = 8 };

static unsigned state_of(pthread_rwlock_t *l)
{
	return __atomic_load_n(&l->__data.__readers, __ATOMIC_SEQ_CST);
}

static unsigned *waiting_writers(pthread_rwlock_t *l)
{
	return &l->__data.__pad3;
}

static bool holds_readers_back(pthread_rwlock_t *l)
{
	return l->__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
}

static bool written_by(pthread_rwlock_t *l, int tid)
{
	return __atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED) == tid;
}

/* ---- attempts --------------------------------------------------------------------------------------- */

static bool writer_first(pthread_rwlock_t *l)
{
	return holds_readers_back(l) && __atomic_load_n(waiting_writers(l), __ATOMIC_SEQ_CST) > 0;
}

static bool cannot_read(void *lock)
{
	pthread_rwlock_t *l = lock;
	unsigned state = state_of(l);

	if (writer_first(l))
		return true;
	return state & WRITE_LOCKED && (state & WRITE_PHASE || holds_readers_back(l));
}

static bool cannot_write(void *lock)
{
	pthread_rwlock_t *l = lock;
	unsigned state = state_of(l);

	if (state & WRITE_LOCKED)
		return true;
	return state >= ONE_READER &&
	       !(l->__data.__flags != PTHREAD_RWLOCK_PREFER_READER_NP && state & WRITE_PHASE);
}

static int try_read(pthread_rwlock_t *l)
{
	return writer_first(l) ? EBUSY : REAL(pthread_rwlock_tryrdlock)(l);
}

/* ---- waiting ---------------------------------------------------------------------------------------- */

struct request {
	clockid_t clock;
	const struct timespec *time;
	bool write;
};

static int64_t deadline_of(const struct request *q)
{
	if (!q->time)
		return VV__FOREVER;
	return q->time->tv_sec < 0 ? 0 : vv__deadline_at(q->clock, q->time);
}

static int park(pthread_rwlock_t *l, const struct request *q)
{
	uint64_t turn = 0;
	struct vv__park p = {.key = l, .tag = q->write ? WRITER : READER, .turn = &turn, .deadline = deadline_of(q),
	    .what = q->write ? "rwlock, to write" : "rwlock, to read",
	    .valid = q->write ? cannot_write : cannot_read, .arg = l};
	bool late;
	int r;

	do {
		late = vv__park_on(&p) == -ETIMEDOUT;
		r = q->write ? REAL(pthread_rwlock_trywrlock)(l) : try_read(l);
		if (r != EBUSY)
			return r;
	} while (!late);
	return ETIMEDOUT;
}

static int lock_parked(pthread_rwlock_t *l, const struct request *q)
{
	int r;

	if (!q->write)
		return park(l, q);
	__atomic_fetch_add(waiting_writers(l), 1, __ATOMIC_SEQ_CST);
	r = park(l, q);
	__atomic_fetch_sub(waiting_writers(l), 1, __ATOMIC_SEQ_CST);
	if (r != 0 && holds_readers_back(l))
		vv__wake_tagged(l, READER, INT32_MAX);
	return r;
}

static int real_lock(pthread_rwlock_t *l, const struct request *q)
{
	if (q->write)
		return q->time ? REAL(pthread_rwlock_clockwrlock)(l, q->clock, q->time)
		               : REAL(pthread_rwlock_wrlock)(l);
	return q->time ? REAL(pthread_rwlock_clockrdlock)(l, q->clock, q->time) : REAL(pthread_rwlock_rdlock)(l);
}

/* ---- process-shared ones ---------------------------------------------------------------------------- */

/* Where g has noted that it writes l, or, for null, a free place. Null if there is none. */
static const void **place_of(struct vv_greenlet *g, const void *l)
{
	for (size_t i = 0; i < sizeof g->writes / sizeof *g->writes; i++) {
		if (g->writes[i] == l)
			return &g->writes[i];
	}
	return NULL;
}

/* A greenlet of another process may bear the same id as g. */
static bool writes_shared(struct vv_greenlet *g, pthread_rwlock_t *l)
{
	return written_by(l, vv__tcb_tid(g)) && place_of(g, l);
}

/* EBUSY also if g has no place to note that it writes. */
static int try_shared(struct vv_greenlet *g, pthread_rwlock_t *l, bool write)
{
	const void **place = write ? place_of(g, NULL) : NULL;
	int r;

	if (!write)
		return REAL(pthread_rwlock_tryrdlock)(l);
	r = place ? REAL(pthread_rwlock_trywrlock)(l) : EBUSY;
	if (r == 0)
		*place = l;
	return r;
}

static int lock_shared(struct vv_greenlet *g, pthread_rwlock_t *l, const struct request *q)
{
	struct vv__ownership o;
	int r;

	if (!q->time || (vv__wait_clock(q->clock) && vv__timespec_valid(q->time))) {
		r = try_shared(g, l, q->write);
		if (r == EBUSY && writes_shared(g, l))
			r = EDEADLK;
		if (r != EBUSY)
			return r;
	}
	vv__own(g, &o);
	r = real_lock(l, q);
	vv__disown(g, &o, r == 0 && q->write);
	return r;
}

static int try_write_shared(struct vv_greenlet *g, pthread_rwlock_t *l)
{
	struct vv__ownership o;
	int r;

	if (place_of(g, NULL))
		return try_shared(g, l, true);
	vv__own(g, &o);
	r = REAL(pthread_rwlock_trywrlock)(l);
	vv__disown(g, &o, r == 0);
	return r;
}

static int unlock_shared(struct vv_greenlet *g, pthread_rwlock_t *l)
{
	struct vv__ownership o;
	const void **place = place_of(g, l);
	int r;

	if (place)
		*place = NULL;
	if (!vv__owned_as(g, __atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED)))
		return REAL(pthread_rwlock_unlock)(l);
	vv__own(g, &o);
	r = REAL(pthread_rwlock_unlock)(l);
	vv__disown(g, &o, false);
	vv__own_less(g);
	return r;
}

/* ---- locking ---------------------------------------------------------------------------------------- */

static int lock_for(pthread_rwlock_t *l, const struct request *q)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (vv__unlikely(!vv__family_on(sync)))
		return real_lock(l, q);
	if (vv__unlikely(l->__data.__shared))
		return lock_shared(g, l, q);
	if (q->time && (!vv__wait_clock(q->clock) || !vv__timespec_valid(q->time)))
		return EINVAL;
	if (vv__unlikely(written_by(l, vv__tcb_tid(g))))
		return EDEADLK;
	r = q->write ? REAL(pthread_rwlock_trywrlock)(l) : try_read(l);
	return vv__likely(r != EBUSY) ? r : lock_parked(l, q);
}

VV_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
	static const struct request for_ever;

	return lock_for(l, &for_ever);
}
VV_ALIAS(__pthread_rwlock_rdlock, pthread_rwlock_rdlock);

VV_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
	static const struct request for_ever = {.write = true};

	return lock_for(l, &for_ever);
}
VV_ALIAS(__pthread_rwlock_wrlock, pthread_rwlock_wrlock);

VV_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *ts)
{
	struct request q = {clock, ts, false};

	return lock_for(l, &q);
}

VV_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t *l, clockid_t clock, const struct timespec *ts)
{
	struct request q = {clock, ts, true};

	return lock_for(l, &q);
}

VV_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t *l, const struct timespec *ts)
{
	return pthread_rwlock_clockrdlock(l, CLOCK_REALTIME, ts);
}

VV_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t *l, const struct timespec *ts)
{
	return pthread_rwlock_clockwrlock(l, CLOCK_REALTIME, ts);
}

VV_EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t *l)
{
	vv__real_need();
	return l->__data.__shared ? REAL(pthread_rwlock_tryrdlock)(l) : try_read(l);
}
VV_ALIAS(__pthread_rwlock_tryrdlock, pthread_rwlock_tryrdlock);

VV_EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t *l)
{
	struct vv_greenlet *g = vv__me();

	if (!l->__data.__shared || !vv__family_on(sync))
		return REAL(pthread_rwlock_trywrlock)(l);
	return try_write_shared(g, l);
}
VV_ALIAS(__pthread_rwlock_trywrlock, pthread_rwlock_trywrlock);

/* ---- unlocking -------------------------------------------------------------------------------------- */

/* The lock is free, and its memory may be too: only the address is used. */
static void wake_next(pthread_rwlock_t *l, bool readers_first)
{
	if (readers_first) {
		if (!vv__wake_tagged(l, READER, INT32_MAX))
			vv__wake_tagged(l, WRITER, 1);
	} else if (!vv__wake_tagged(l, WRITER, 1)) {
		vv__wake_tagged(l, READER, INT32_MAX);
	}
}

/* Gives up one reader's share where nobody waits inside libc. Returns false if libc must do it. */
static bool read_unlock(pthread_rwlock_t *l, bool *last)
{
	unsigned state = state_of(l), after;

	do {
		after = state - ONE_READER;
		if (state < ONE_READER || state & (WRITE_PHASE | WRITE_LOCKED | READERS_WAIT))
			return false;
	} while (!__atomic_compare_exchange_n(
	    &l->__data.__readers, &state, after, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	*last = after == 0;
	return true;
}

VV_EXPORT int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	struct vv_greenlet *g = vv__me();
	bool last = true, readers_first = l->__data.__flags == PTHREAD_RWLOCK_PREFER_READER_NP;
	int r = 0;

	if (vv__unlikely(l->__data.__shared))
		return unlock_shared(g, l);
	if (written_by(l, vv__tcb_tid(g)) || !read_unlock(l, &last))
		r = REAL(pthread_rwlock_unlock)(l);
	if (last)
		wake_next(l, readers_first);
	return r;
}
VV_ALIAS(__pthread_rwlock_unlock, pthread_rwlock_unlock);
