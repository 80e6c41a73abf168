/*
 * Waiting for signals. sigwait and its like take what is kept for the greenlet, else hop into the real call, whose
 * kernel thread is then the one that the kernel gives the signal to; main waits on the process's first one, for the
 * kernel asks that first, and a signal without a handler may end the process. A signal that another greenlet directs at
 * the waiter is kept, and SIGCANCEL ends the call: it is blocked before the last look and waited for, too, so none is
 * missed. sigsuspend and pause park.
 */
#include "interpose.h"
#include "signal.h"

static struct vv__slab sets = {.size = sizeof(_Atomic uint64_t)};

/* g->signal_data: the set that g awaits. Greenlets that never called sigwait have none. */
static _Atomic uint64_t *awaited(struct vv_greenlet *g)
{
	if (!g->signal_data)
		g->signal_data = vv__slab_get(&sets);
	if (!g->signal_data)
		vv__die("out of memory for a signal set");
	return g->signal_data;
}

bool vv__awaits(struct vv_greenlet *g, int sig)
{
	_Atomic uint64_t *set = g->signal_data;

	return set && atomic_load(set) & vv__bit(sig) && vv__carrier_tid(g);
}

/*
 * A signal of the process's that this thread alone takes may have been given to the hub's kernel thread, which has not come
 * to run yet. In plain it would have come here, before its sender went on: nobody must find that it never came.
 */
void vv__signals_last(struct vv_greenlet *g)
{
	if (g->away && vv__may_be_signalled())
		vv__unblock(vv__block_all()); /* makes the kernel look at what is pending for the process */
	if (vv__has_signals(g))
		vv__run_handlers(g);
}

void vv__signals_end(struct vv_greenlet *g)
{
	vv__pass_on_kept(g, ~0ul, true);
	vv__place_end(g);
	if (g->signal_data)
		vv__slab_put(&sets, g->signal_data);
	g->signal_data = NULL;
}

static void block_cancel(int how)
{
	uint64_t bit = vv__bit(VV__SIGCANCEL);

	vv__syscall(SYS_rt_sigprocmask, how, &bit, NULL, sizeof bit);
}

static int attempt(uint64_t set, siginfo_t *info, int64_t deadline)
{
	int64_t ns = deadline == VV__FOREVER ? 0 : deadline - vv__now();
	struct timespec ts = {0, 0};

	if (ns > 0)
		ts = (struct timespec){ns / 1000000000, ns % 1000000000};
	return vv__syscall(SYS_rt_sigtimedwait, &set, info, deadline == VV__FOREVER ? NULL : &ts, sizeof set);
}

/* Sent to make somebody see what is kept, and blocked before it came. */
static bool is_look(int sig, const siginfo_t *info)
{
	return sig > 0 && info->si_code == VV__SI_LOOK;
}

/* On a kernel thread of our own, SIGCANCEL blocked. */
static int wait_natively(struct vv_greenlet *g, uint64_t set, siginfo_t *info, int64_t deadline)
{
	int r;

	for (;;) {
		g->handled = 0;
		r = vv__take_kept(g, set, true, info);
		if (r)
			return r;
		if (vv__cancel_pending(g))
			return -ECANCELED;
		r = attempt(set | vv__bit(VV__SIGCANCEL), info, deadline);
		if (r == VV__SIGCANCEL && info->si_code == SI_TIMER)
			vv__timer_expired(info); /* perhaps another's: no handler has seen it */
		if (r != VV__SIGCANCEL && !is_look(r, info) && !(r == -EINTR && !g->handled))
			return r;
	}
}

/* Returns a signal's number, -EAGAIN, -EINTR or does not return at all (cancelled). */
static int wait_for(struct vv_greenlet *g, uint64_t set, siginfo_t *info, int64_t deadline)
{
	int r;

	if (vv__cancel_pending(g))
		vv__cancel_now();
	do {
		r = vv__take_kept(g, set, true, info);
		if (!r)
			r = attempt(set, info, 0);
	} while (is_look(r, info));
	if (r != -EAGAIN || (deadline != VV__FOREVER && deadline <= vv__now()))
		return r;
	vv__install_cancel_handler(); /* for a look that comes when the call has ended */
	vv__hop_home();
	block_cancel(SIG_BLOCK);
	atomic_store(awaited(g), set);
	r = wait_natively(g, set, info, deadline);
	atomic_store(awaited(g), 0);
	block_cancel(SIG_UNBLOCK);
	vv__hop_back();
	if (r == -ECANCELED)
		vv__cancel_now();
	return r;
}

VV_EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	struct vv_greenlet *g = vv__me();
	int64_t deadline = VV__FOREVER;
	struct timespec limit;
	siginfo_t got;
	int r;

	if (vv__is_hub(g) || !vv__family_on(signal))
		return REAL(sigtimedwait)(set, info, timeout);
	if (!vv__readable(set, sizeof(uint64_t)) ||
	    (timeout && vv__copy_in(&limit, timeout, sizeof limit) < 0))
		return vv__errno_return(-EFAULT);
	if (timeout && (!vv__timespec_valid(&limit) || limit.tv_sec < 0))
		return vv__errno_return(-EINVAL);
	if (timeout)
		deadline = limit.tv_sec > INT64_MAX / 2000000000
			       ? VV__FOREVER
			       : vv__deadline_in(limit.tv_sec * 1000000000ll + limit.tv_nsec);
	r = wait_for(g, vv__of_sigset(set), &got, deadline);
	if (r > 0 && got.si_code == SI_TKILL) /* as glibc */
		got.si_code = SI_USER;
	if (r > 0 && info && vv__copy_out(info, &got, sizeof got) < 0)
		r = -EFAULT;
	return vv__errno_return(r);
}

VV_EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	vv__me();
	return sigtimedwait(set, info, NULL);
}

VV_EXPORT int sigwait(const sigset_t *set, int *sig)
{
	struct vv_greenlet *g = vv__me();
	siginfo_t info;
	int r;

	if (vv__is_hub(g) || !vv__family_on(signal))
		return REAL(sigwait)(set, sig);
	do
		r = wait_for(g, vv__of_sigset(set), &info, VV__FOREVER);
	while (r == -EINTR);
	if (r < 0)
		return -r;
	*sig = r;
	return 0;
}

VV_EXPORT int sigpending(sigset_t *set)
{
	struct vv_greenlet *g = vv__me();
	int r = REAL(sigpending)(set);

	if (r == 0)
		*(uint64_t *)set |= vv__kept_for(g) & g->mask;
	return r;
}

/* ---- until a handler has run ---- */

VV_EXPORT int pause(void)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (vv__step_aside(g, signal))
		return REAL(pause)();
	r = vv__sleep_until(VV__FOREVER, VV__EINTR | VV__CANCEL);
	if (r == -ECANCELED)
		vv__cancel_now();
	return vv__errno_return(r);
}

/* With a kernel thread of its own g can leave it to the kernel, unless something is kept for it. */
static bool suspend_natively(struct vv_greenlet *g, const sigset_t *set, int *r)
{
	uint64_t before = g->mask;

	if (!vv__step_aside(g, signal))
		return false;
	vv__note_mask(g, vv__of_sigset(set));
	vv__claim_kept(g);
	if (!vv__has_signals(g))
		*r = REAL(sigsuspend)(set);
	else
		*r = 0;
	vv__change_mask(g, before);
	return *r != 0;
}

VV_EXPORT int sigsuspend(const sigset_t *set)
{
	struct vv_greenlet *g = vv__me();
	uint64_t before;
	int r;

	if (!vv__readable(set, sizeof(uint64_t)))
		return vv__errno_return(-EFAULT);
	if (suspend_natively(g, set, &r))
		return r;
	vv__mask_swap(g, set, &before);
	r = g->handled ? -EINTR : vv__sleep_until(VV__FOREVER, VV__EINTR | VV__SINCE | VV__CANCEL);
	vv__change_mask(g, before);
	if (r == -ECANCELED)
		vv__cancel_now();
	return vv__errno_return(r);
}
VV_ALIAS(__sigsuspend, sigsuspend);

VV_EXPORT int __sigpause(int sig_or_mask, int is_sig)
{
	struct vv_greenlet *g = vv__me();
	sigset_t set;

	sigemptyset(&set);
	if (is_sig) {
		*(uint64_t *)&set = g->mask;
		if (sigdelset(&set, sig_or_mask) < 0)
			return -1;
	} else {
		*(uint64_t *)&set = (unsigned)sig_or_mask;
	}
	return sigsuspend(&set);
}

/* Two functions of one name: XPG's takes a signal, BSD's a mask. */
extern VV_EXPORT int vv__sigpause_xpg(int sig) __asm__("__xpg_sigpause");
extern VV_EXPORT int vv__sigpause_bsd(int mask) __asm__("sigpause");

int vv__sigpause_xpg(int sig)
{
	return __sigpause(sig, 1);
}

int vv__sigpause_bsd(int mask)
{
	return __sigpause(mask, 0);
}
