/*
 * What every family file includes. An interposed function reads: step aside if there is nothing to do, attempt, park
 * or hop, retry.
 */
#ifndef VV_INTERPOSE_H
#define VV_INTERPOSE_H

#include "libc.h"
#include "real.h"

#include "../core/core.h"

#define VV_EXPORT __attribute__((visibility("default")))
/* Another exported name of a function defined in the same file. The C name is ours, because libc's headers redirect some
 * of the names. */
#define VV_ALIAS(name, target) \
	extern VV_EXPORT __typeof__(target) vv__alias_##name __asm__(#name) __attribute__((alias(#target)))

/* Families that VERVET_PATCH can switch off. */
enum vv__family {
#define FAMILY(name, what) VV__FAMILY_##name,
#include "families.def"
#undef FAMILY
	VV__FAMILIES,
};

/* One bit per family that is patched. */
extern unsigned vv__families;
#define vv__family_on(name) (vv__families & 1u << VV__FAMILY_##name)

/* True if the real call is the right one: nothing else could run, or the family is switched off. */
#define vv__step_aside(g, name) (vv__direct(g) || vv__unlikely(!vv__family_on(name)))

/* What the system call answers to the program. */
long vv__gettid(void);

/* A result of the core (negative errno) as libc returns it. On success errno stays as it was. */
static inline long vv__errno_return(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

/*
 * Act on a wait that ended with -ECANCELED: ends the calling greenlet as glibc does (clean-up handlers, C++
 * destructors). Everything that the call holds must have been given back before.
 */
void vv__cancel_now(void) __attribute__((noreturn));

/* At a cancellation point that may not wait. */
static inline void vv__cancel_point(struct vv_greenlet *g)
{
	if (vv__unlikely(vv__cancel_pending(g)))
		vv__cancel_now();
}

/*
 * For calls with a signal mask (ppoll, pselect, epoll_pwait): *before gets g's mask, and mask (null: no change) is g's
 * until vv__change_mask(g, before). Handlers that this lets run set g->handled; give the waits VV__SINCE with VV__EINTR
 * and none is missed.
 */
void vv__mask_swap(struct vv_greenlet *g, const sigset_t *mask, uint64_t *before);
void vv__change_mask(struct vv_greenlet *g, uint64_t mask);

/* For addresses that libc would hand to the kernel unseen; up to a page, vv__copy_out 8 bytes or more. 0 or -EFAULT. */
int vv__copy_in(void *to, const void *from, size_t n);
int vv__copy_out(void *to, const void *from, size_t n);
bool vv__readable(const void *p, size_t n);

/* What is near on our own stack is there. */
static inline bool vv__on_stack(const void *p)
{
	return (uintptr_t)p - (uintptr_t)__builtin_frame_address(0) < 8192;
}

/* The same for what comes with every call. */
static inline bool vv__given(const void *p, size_t n)
{
	return vv__on_stack(p) || vv__readable(p, n);
}

/* What core asks of the families (struct vv__hooks); shim/lib.c has weak ones for a library without them. */
void vv__run_handlers(struct vv_greenlet *g);
bool vv__deliverable(struct vv_greenlet *g);
void vv__hub_signals(struct vv__hub *hub);
void vv__save_pending(struct vv_greenlet *g, uint64_t id, uint64_t set);
void vv__greenlet_ends(struct vv_greenlet *g);
bool vv__may_be_signalled(void);
/* Libc's handler for its broadcast of new ids becomes ours (setxid.c). */
void vv__take_over_setxid(void);

/* False: the programs that this one starts are not to be patched (--follow=none). */
extern bool vv__follow;
/* Print the summary of --stats. Call before the process ends other than by exit; the second before exec, which tells
 * nothing of a program that made no thread. */
void vv__stats_report(void);
void vv__stats_report_exec(void);

/* Deadline of a relative or absolute time; past or zero means now. */
int64_t vv__deadline_in(int64_t ns);
int64_t vv__deadline_at(clockid_t clock, const struct timespec *ts);
/* -1 for a time before 0; what is too large for nanoseconds is at least very large. */
int64_t vv__nanoseconds(const struct timespec *ts);
static inline struct timespec vv__timespec_of(int64_t ns)
{
	return (struct timespec){ns / 1000000000, ns % 1000000000};
}

/* Lengths that the kernel refuses, or has nothing to do for. */
static inline bool vv__odd_length(size_t n)
{
	return n - 1 > SSIZE_MAX - 1;
}

static inline bool vv__timespec_valid(const struct timespec *ts)
{
	return ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000;
}

static inline bool vv__timeout_valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && vv__timespec_valid(ts);
}

#endif
