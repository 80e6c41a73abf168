/*
 * signalfd shows what is pending in the kernel. A signal directed at a greenlet that blocks it is kept instead, since the
 * kernel thread is shared, and no descriptor would show it. So once the program has made a signalfd for a signal, one
 * that every greenlet blocks is left to the kernel, pending for the process.
 */
#include "interpose.h"
#include "signal.h"

static _Atomic uint64_t watched; /* signals that a signalfd was ever made for */

struct question {
	const struct vv_greenlet *target;
	int sig;
};

static int would_take(struct vv_greenlet *g, void *arg)
{
	struct question *q = arg;
	uint8_t state = atomic_load(&g->state);

	if (state == VV__FREE || state == VV__DONE || g->is_hub)
		return 0;
	return !(g->mask & vv__bit(q->sig)) || (g != q->target && vv__awaits(g, q->sig));
}

bool vv__leave_to_kernel(const struct vv_greenlet *g, int sig, const siginfo_t *info)
{
	struct question q = {g, sig};

	if (!(atomic_load(&watched) & vv__bit(sig)) || vv__each(would_take, &q))
		return false;
	return vv__syscall(SYS_rt_sigqueueinfo, vv__syscall(SYS_getpid), sig, info) == 0;
}

void vv__show_kept(struct vv_greenlet *g)
{
	uint64_t left = atomic_load(&watched) & atomic_load(&g->pending) & g->mask;
	siginfo_t info;

	for (; left; left &= left - 1) {
		uint64_t bit = left & -left;
		int sig = __builtin_ctzl(left) + 1;

		while (vv__take_kept(g, bit, false, &info))
			if (!vv__leave_to_kernel(g, sig, &info)) {
				vv__keep(sig, &info, g, true);
				break;
			}
	}
}

VV_EXPORT int signalfd(int fd, const sigset_t *set, int flags)
{
	struct vv_greenlet *g = vv__me();
	int r = REAL(signalfd)(fd, set, flags);

	if (r >= 0) {
		atomic_fetch_or(&watched, vv__of_sigset(set));
		vv__show_kept(g);
	}
	return r;
}
