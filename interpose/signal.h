/*
 * Signals as the files of the family see them: kept signals (sigkept.c), handlers (signal.c), masks (sigmask.c), sending
 * (sigsend.c), waiting (sigwait.c).
 *
 * A signal reaches the program on one of three ways. In program code the kernel's delivery is the program's: our entry
 * calls the handler at once. Inside Vervet, or when the signal is another greenlet's, it is kept, and its greenlet is
 * made to look. When that greenlet is back in program code it sends itself the signal again, for real (a "look": the
 * kernel then makes frame, mask and alternate stack exactly as it does for any signal) and the entry takes the kept
 * information. So handlers only ever run in frames that the kernel made.
 */
#ifndef VV_SIGNAL_H
#define VV_SIGNAL_H

#include "../core/core.h"

#include <signal.h>

enum { VV__SIGNALS = 64, VV__SIGCANCEL = 32, VV__SIGSETXID = 33 };

#define vv__bit(sig) (1ul << ((sig)-1))
#define VV__LIBC_SIGNALS (vv__bit(VV__SIGCANCEL) | vv__bit(VV__SIGSETXID))
/* Raised by the instruction that runs; never kept, never held back. */
#define VV__FAULTS                                                                                           \
	(vv__bit(SIGSEGV) | vv__bit(SIGBUS) | vv__bit(SIGFPE) | vv__bit(SIGILL) | vv__bit(SIGTRAP) |         \
	    vv__bit(SIGSYS))

/* si_code of a look: never seen by the program. */
enum { VV__SI_LOOK = -0x5650 };

static inline uint64_t vv__of_sigset(const sigset_t *set)
{
	return *(const uint64_t *)set & ~VV__LIBC_SIGNALS;
}

/* ---- sigkept.c ---- */

/* Forget them all: the child side of fork. */
void vv__kept_forget(void);
/* Keep a signal for g, or (g null) for whoever does not block it. Returns 0 or -EAGAIN: no room. Async-signal-safe, as
 * all of these. */
int vv__keep(int sig, const siginfo_t *info, struct vv_greenlet *g, bool directed);
/* Take the first kept signal of set that is g's, or if `shared` nobody's or another's but process-directed. Returns its
 * number or 0. */
int vv__take_kept(struct vv_greenlet *g, uint64_t set, bool shared, siginfo_t *info);
/* How many are g's. */
int vv__count_kept(struct vv_greenlet *g);
int vv__kept_in_all(void);
/* Signals that g would be shown as pending. */
uint64_t vv__kept_for(struct vv_greenlet *g);
/* Drop all kept instances of sig (it is ignored now). */
void vv__drop_kept(int sig);
/* g ends: its own are gone, those of the process are somebody else's. */
void vv__pass_on_kept(struct vv_greenlet *g, uint64_t set, bool ends);
/* g no longer blocks some signals: those that are nobody's are g's. */
void vv__claim_kept(struct vv_greenlet *g);
/* Make the greenlet that has signals look at them, wherever it is. */
void vv__prod(struct vv_greenlet *g);
/* Who is to look, on a kernel thread that runs g. */
static inline struct vv_greenlet *vv__look_owner(struct vv_greenlet *g, const siginfo_t *info)
{
	return info->si_code == VV__SI_LOOK ? info->si_value.sival_ptr : g;
}

/* A look that was sent for g has come when g could not look: it is sent another if it still has to. */
void vv__look_came_in_vain(struct vv_greenlet *g, int look);

/* Block every asynchronous signal for this kernel thread; returns what was blocked. Raw, no bookkeeping. */
uint64_t vv__block_all(void);
/* Those of faults, too: what is sent meanwhile comes when the mask is as before. */
uint64_t vv__block_to_send(void);
void vv__unblock(uint64_t before);

/* A short lock that a handler may want, too. */
static inline uint64_t vv__lock_masked(_Atomic int *lock)
{
	uint64_t before = vv__block_all();

	vv__lock(lock);
	return before;
}

static inline void vv__unlock_masked(_Atomic int *lock, uint64_t before)
{
	vv__unlock(lock);
	vv__unblock(before);
}

/* ---- signal.c ---- */

/* True if the program has a handler for sig. */
bool vv__handled_by_program(int sig);
/* True if sig has no effect when it is not blocked. */
bool vv__is_ignored(int sig);
/* A handler's frame is about to go and its mask with it, or the mask is about to change otherwise: what was kept behind it
 * comes then, as in the kernel. The program may compute on without another call into Vervet. */
void vv__send_unmasked(struct vv_greenlet *g);
/* What the kernel's sigaction looks like. */
struct vv__kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
/* As sigaction; raw: as the system call, with the caller's flags and restorer where there is no handler. */
int vv__sigaction(int sig, const struct sigaction *act, struct sigaction *old, bool raw);

/* From one of our own handlers: the call that it interrupted ends with EINTR, as the handler that the program has asks. */
void vv__interrupt_call(void *context);

/* ---- cancel.c ---- */

/* SIGCANCEL makes a greenlet on another kernel thread look at its cancellation, its place, its sigwait. */
void vv__install_cancel_handler(void);
/* A handler for a signal that libc keeps for itself, with mask blocked in it. */
void vv__raw_handler(int sig, void (*handler)(int, siginfo_t *, void *), unsigned long flags, uint64_t mask);
/* g has been cancelled: end it if its type is asynchronous. */
void vv__cancel_if_async(struct vv_greenlet *g);

/* ---- sigmask.c ---- */

/* g's mask becomes mask, for the kernel too; kept signals that it no longer blocks are handled before this returns. */
void vv__change_mask(struct vv_greenlet *g, uint64_t mask);
/* The stack above `target` is where g goes on: end the waits and hops below it. */
void vv__abandon_up_to(struct vv_greenlet *g, uintptr_t target);

/* ---- sigsend.c ---- */

/* Direct a signal at a greenlet. Returns 0 or a positive error number. */
int vv__signal_greenlet(struct vv_greenlet *g, int sig, const siginfo_t *info);
/* As the system calls tgkill and tkill (tgid -1), with greenlets' ids. Returns 0 or -1 with errno. */
int vv__tgkill(pid_t tgid, pid_t tid, int sig);
/* Alone so far, g had its blocked signals pending in the kernel, for a kernel thread that it will share now: keep them. */
void vv__keep_pending(struct vv_greenlet *g);
/* Before exec: give the kernel what is kept for g. If exec fails and this was true, vv__keep_pending takes it back. */
bool vv__give_back_kept(struct vv_greenlet *g);
/* The raw signal to one kernel thread of ours; a look makes g, if it still runs there, see what is kept for it. */
long vv__queue_raw(int tid, int sig, const siginfo_t *info);
long vv__send_look(int tid, int sig, struct vv_greenlet *g);

/* ---- timer.c, sched.c ---- */

/* SIGCANCEL came from a timer that is to signal one greenlet. True if a handler has run here that ends blocking calls. */
bool vv__timer_expired(const siginfo_t *info);
/* What it sent has been taken: notes how often it has expired meanwhile. */
void vv__timer_taken(siginfo_t *info);
long vv__raw_timer_create(const long *a);
/* The slice whose alarm this signal is, or null. */
struct vv_greenlet *vv__alarm_owner(int sig, const siginfo_t *info);
/* g was given scheduling attributes by another: make them so. */
void vv__place_now(struct vv_greenlet *g);

/* sched.c, for syscall(): as the kernel answers. */
long vv__raw_getaffinity(const long *a);
long vv__raw_getpriority(const long *a);
long vv__raw_getattr(const long *a);
long vv__raw_setattr(const long *a);
long vv__raw_ioprio_get(const long *a);
long vv__raw_ioprio_set(const long *a);
void vv__place_end(struct vv_greenlet *g);
/* What a thread is to have that the caller makes with attr. 0 with *place set, null if nothing of its own; or a positive
 * error number: the kernel would refuse it. */
int vv__place_wanted(const pthread_attr_t *attr, void **place);
/* Has it to be alone on its kernel thread for that? */
bool vv__place_alone(const void *place);
/* No thread was made. */
void vv__place_drop(void *place);
/* The thread was made; it does not run yet. */
void vv__place_created(struct vv_greenlet *g, void *place);
/* Say so in attr. */
void vv__place_describe(struct vv_greenlet *g, pthread_attr_t *attr);

/* ---- signalfd.c ---- */

/* A signal is directed at g, which blocks it. True if it is now pending in the kernel, where a signalfd of the program's finds
 * it; else keep it. */
bool vv__leave_to_kernel(const struct vv_greenlet *g, int sig, const siginfo_t *info);
/* The same for what is kept for g. */
void vv__show_kept(struct vv_greenlet *g);

/* ---- sigwait.c ---- */

/* True if g is in sigwait or its like for sig. */
bool vv__awaits(struct vv_greenlet *g, int sig);
/* g ends. Before its clean-up: handle what has come for it, wherever that is. */
void vv__signals_last(struct vv_greenlet *g);
/* After it: what was directed at it is gone. */
void vv__signals_end(struct vv_greenlet *g);

#endif
