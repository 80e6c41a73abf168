/*
 * Cancellation. The state is glibc's own word in the thread control block (see core.h), so pthread_setcancelstate,
 * pthread_setcanceltype, pthread_testcancel and libc's cancellation points are glibc's. Only pthread_cancel is ours: it
 * marks the word, and makes the target look: a parked greenlet's wait ends with -ECANCELED, one in a call of libc's on
 * a kernel thread of its own is sent SIGCANCEL there, as glibc would.
 */
#include "interpose.h"
#include "signal.h"

void vv__cancel_now(void)
{
	struct vv_greenlet *g = vv__me();

	vv__unblock(g->mask & ~VV__LIBC_SIGNALS); /* the handler does not return */
	g->value = PTHREAD_CANCELED;
	REAL(pthread_exit)(PTHREAD_CANCELED);
	__builtin_unreachable();
}

static bool acts_at_once(struct vv_greenlet *g)
{
	return vv__cancel_pending(g) && *g->cancel & VV__CANCEL_ASYNC;
}

void vv__cancel_if_async(struct vv_greenlet *g)
{
	if (acts_at_once(g))
		vv__cancel_now();
}

/* ---- SIGCANCEL ---- */

/* For the greenlet that runs on this kernel thread, if it has been cancelled; if not, it came too late. */
static void on_cancel(int sig, siginfo_t *info, void *context)
{
	struct vv_greenlet *g = vv__self, *owner = vv__look_owner(g, info);

	if (info->si_code == SI_TIMER && vv__timer_expired(info))
		vv__interrupt_call(context);
	if (!owner)
		return;
	if (owner != g || g->is_hub || g->inside) {
		vv__look_came_in_vain(owner, sig);
	} else {
		if (g->pending & VV__LIBC_SIGNALS)
			vv__run_handlers(g);
		vv__cancel_if_async(g);
	}
}

#ifdef __x86_64__
/* The very bytes of glibc's own, by which unwinders know the frame of a signal. */
extern void vv__restore_rt(void) __attribute__((visibility("hidden")));
__asm__(".text\n"
	".balign 16\n"
	"nop\n"
	".hidden vv__restore_rt\n"
	".globl vv__restore_rt\n"
	".type vv__restore_rt,@function\n"
	"vv__restore_rt:\n"
	"mov $15, %rax\n"
	"syscall\n"
	".size vv__restore_rt, .-vv__restore_rt\n");
#endif

/* libc refuses its own signals, so this is the system call. */
void vv__raw_handler(int sig, void (*handler)(int, siginfo_t *, void *), unsigned long flags, uint64_t mask)
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} act = {.handler = handler, .flags = flags, .mask = mask};

#ifdef __x86_64__
	act.flags |= 0x04000000; /* SA_RESTORER */
	act.restorer = vv__restore_rt;
#endif
	vv__syscall(SYS_rt_sigaction, sig, &act, NULL, sizeof act.mask);
}

static _Atomic int installed;

void vv__install_cancel_handler(void)
{
	if (atomic_load(&installed))
		return;
	vv__raw_handler(VV__SIGCANCEL, on_cancel, SA_SIGINFO | SA_RESTART, 0);
	atomic_store(&installed, 1); /* only now: others send it then */
}

/* libc's own cancellation points (printf's) ignore it in a program without threads, until its pthread_cancel has run. */
static int cancel_alone(struct vv_greenlet *g)
{
	int r = REAL(pthread_cancel)(g->thread);

	if (atomic_load(&installed))
		vv__raw_handler(VV__SIGCANCEL, on_cancel, SA_SIGINFO | SA_RESTART, 0);
	return r;
}

VV_EXPORT int pthread_cancel(pthread_t t)
{
	struct vv_greenlet *me = vv__me(), *g = vv__of_thread(t);
	siginfo_t info = {.si_signo = VV__SIGCANCEL};

	if (!g || g->foreign)
		return REAL(pthread_cancel)(t);
	if (atomic_load(&g->state) == VV__DONE || atomic_load(&g->state) == VV__FREE)
		return 0;
	if (g == me && !atomic_load(&vv__started))
		return cancel_alone(g);
	vv__install_cancel_handler();
	if (atomic_fetch_or(g->cancel, VV__CANCEL_CANCELED) & VV__CANCEL_CANCELED)
		return 0;
	if (g == me) {
		vv__cancel_if_async(g);
		return 0;
	}
	vv__keep(VV__SIGCANCEL, &info, g, true);
	vv__prod(g);
	return 0;
}
