/*
 * What the files about locks share: mutexes as condition variables see them, and locks that bear a kernel thread's id.
 */
#ifndef VV_SYNC_H
#define VV_SYNC_H

#include "interpose.h"

/* Bits of pthread_mutex_t's __kind, fixed by glibc's static initialisers and pthread_mutex_init (nptl/pthreadP.h). */
enum {
	VV__TYPE = 3, /* 0 normal, 1 recursive, 2 error-checking, 3 adaptive */
	VV__ROBUST = 16,
	VV__INHERIT = 32,
	VV__PROTECT = 64,
	VV__SHARED = 128,
	VV__NO_ELISION = 512,
	VV__INHERITED = 1 << 20, /* ours, libc does not look there: a private robust one that was to inherit */
};

/* What __owner holds after the owner of a robust mutex has died. */
#define VV__INCONSISTENT INT32_MAX
#define VV__NOT_RECOVERABLE (INT32_MAX - 1)

static inline int vv__mutex_kind(pthread_mutex_t *m)
{
	return __atomic_load_n(&m->__data.__kind, __ATOMIC_RELAXED);
}

/* A kind that other processes or the kernel look at and that records its owner. */
static inline bool vv__mutex_needs_kernel_id(int kind)
{
	int type = kind & VV__TYPE;

	if (kind & VV__PROTECT)
		return true;
	return kind & VV__SHARED &&
	       (kind & (VV__ROBUST | VV__INHERIT) || type == PTHREAD_MUTEX_RECURSIVE ||
	           type == PTHREAD_MUTEX_ERRORCHECK);
}

/* True if g holds m and keeps a kernel thread for it. */
bool vv__mutex_kept(struct vv_greenlet *g, pthread_mutex_t *m);
/* Whether g may wait on a condition with m: 0, or what unlocking m would say. */
int vv__mutex_check(struct vv_greenlet *g, pthread_mutex_t *m);
/* Unlock and lock again around a wait. The waiter stays a user of m, so that destroying m meanwhile is refused. */
void vv__mutex_release(struct vv_greenlet *g, pthread_mutex_t *m);
int vv__mutex_reacquire(struct vv_greenlet *g, pthread_mutex_t *m);

/* True if libc lets a thread wait by this clock. */
static inline bool vv__wait_clock(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

/* ---- owner.c ---------------------------------------------------------------------------------------- */

/*
 * Between vv__own and vv__disown the greenlet has a kernel thread to itself and bears that thread's id, so that what
 * the real call writes into the lock means something to other processes and to the kernel. Keeping the thread (keep)
 * is right while the lock is held: the kernel finds the lock in the thread's robust list if the process is killed.
 */
struct vv__ownership {
	int tid;    /* to be put back */
	bool saved; /* tid is one */
};
void vv__own(struct vv_greenlet *g, struct vv__ownership *o);
void vv__disown(struct vv_greenlet *g, struct vv__ownership *o, bool keep);
/* A lock kept with vv__disown has been given up. */
void vv__own_less(struct vv_greenlet *g);
/* True if g keeps its kernel thread because of locks that bear that thread's id, and id is it. */
bool vv__owned_as(struct vv_greenlet *g, int id);

/* ---- setxid.c --------------------------------------------------------------------------------------- */

/* Have kernel thread tid of this process make a system call that does not block. */
void vv__call_on(int tid, long number, long a, long b, long c);

#endif
