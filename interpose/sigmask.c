/*
 * Signal masks, one per greenlet: g->mask is the record, and the kernel's for g's kernel thread is equal to it whenever
 * program code of g runs (core sees to that at every switch). The calls that change the mask change both. Jumps out of
 * a handler restore a saved mask inside libc: they are announced here first.
 */
#include "interpose.h"
#include "signal.h"

#include <setjmp.h>
#include <ucontext.h>

/* The kernel's mask has become `mask`; handle what waited for that. */
static void follow(struct vv_greenlet *g, uint64_t mask)
{
	uint64_t closed = mask & ~g->mask, opened = g->mask & ~mask;

	vv__note_mask(g, mask);
	if (closed)
		vv__pass_on_kept(g, closed, false);
	if (opened)
		vv__claim_kept(g);
	if (vv__has_signals(g) && !g->inside)
		vv__run_handlers(g);
}

void vv__change_mask(struct vv_greenlet *g, uint64_t mask)
{
	uint64_t kernel = mask & ~VV__LIBC_SIGNALS;

	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kernel, NULL, sizeof kernel);
	follow(g, kernel);
}

void vv__mask_swap(struct vv_greenlet *g, const sigset_t *mask, uint64_t *before)
{
	*before = g->mask;
	g->handled = 0;
	if (mask)
		vv__change_mask(g, vv__of_sigset(mask));
}

static const uint64_t never = vv__bit(SIGKILL) | vv__bit(SIGSTOP);

static uint64_t changed(uint64_t mask, int how, uint64_t set)
{
	uint64_t r = how == SIG_BLOCK ? mask | set : how == SIG_UNBLOCK ? mask & ~set : set;

	return r & ~never;
}

VV_EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	struct vv_greenlet *g = vv__me();
	uint64_t wanted = set ? vv__of_sigset(set) : 0; /* old may be the same object */
	int r = REAL(pthread_sigmask)(how, set, old);

	if (r == 0 && set && !g->is_hub)
		follow(g, changed(g->mask, how, wanted));
	return r;
}

VV_EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int r;

	vv__me();
	r = pthread_sigmask(how, set, old);
	if (r == 0)
		return 0;
	errno = r;
	return -1;
}

/* ---- BSD's and System V's ---- */

static sigset_t of_int(int mask)
{
	sigset_t set;

	sigemptyset(&set);
	*(uint64_t *)&set = (unsigned)mask;
	return set;
}

VV_EXPORT int sigblock(int mask)
{
	sigset_t set = of_int(mask), old;

	return sigprocmask(SIG_BLOCK, &set, &old) < 0 ? -1 : (int)*(uint64_t *)&old;
}

VV_EXPORT int sigsetmask(int mask)
{
	sigset_t set = of_int(mask), old;

	return sigprocmask(SIG_SETMASK, &set, &old) < 0 ? -1 : (int)*(uint64_t *)&old;
}

static int change_one(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	if (sigaddset(&set, sig) < 0)
		return -1;
	return sigprocmask(how, &set, NULL);
}

VV_EXPORT int sighold(int sig)
{
	return change_one(SIG_BLOCK, sig);
}

VV_EXPORT int sigrelse(int sig)
{
	return change_one(SIG_UNBLOCK, sig);
}

/* ---- jumps ---- */

/*
 * The stack pointer that a jump goes to. glibc scrambles it in the buffer with a secret of the thread control block
 * (sysdeps/x86_64/setjmp.S: PTR_MANGLE).
 */
static uintptr_t target_stack(struct __jmp_buf_tag *env)
{
#ifdef __x86_64__
	enum { JB_RSP = 6, ROTATE = 17 };
	uintptr_t sp = env->__jmpbuf[JB_RSP], secret;

	__asm__("mov %%fs:0x30, %0" : "=r"(secret));
	return (sp >> ROTATE | sp << (64 - ROTATE)) ^ secret;
#else
	return UINTPTR_MAX;
#endif
}

/* Waits that the jump leaves behind are over. */
static void before_jump(struct __jmp_buf_tag *env)
{
	struct vv_greenlet *g = vv__self;

	if (!g || g->is_hub)
		return;
	if (g->wait || (g->native && !g->foreign))
		vv__abandon_up_to(g, target_stack(env));
	if (env->__mask_was_saved)
		vv__change_mask(g, vv__of_sigset((sigset_t *)&env->__saved_mask));
}

VV_EXPORT void longjmp(jmp_buf env, int value)
{
	vv__real_need();
	before_jump(env);
	REAL(longjmp)(env, value);
	__builtin_unreachable();
}

VV_EXPORT void siglongjmp(sigjmp_buf env, int value) __attribute__((alias("longjmp")));
VV_EXPORT void _longjmp(jmp_buf env, int value) __attribute__((alias("longjmp")));

VV_EXPORT void __longjmp_chk(struct __jmp_buf_tag *env, int value)
{
	vv__real_need();
	before_jump(env);
	REAL(__longjmp_chk)(env, value);
	__builtin_unreachable();
}

VV_EXPORT int setcontext(const ucontext_t *to)
{
	struct vv_greenlet *g = vv__me();

	if (!g->is_hub && to)
		vv__change_mask(g, vv__of_sigset(&to->uc_sigmask));
	return REAL(setcontext)(to);
}

/* The mask will be that of the context: what is kept and not blocked there is sent, and comes when the kernel has it. */
static void before_swap(struct vv_greenlet *g, const ucontext_t *to)
{
	uint64_t mask = vv__of_sigset(&to->uc_sigmask), closed = mask & ~g->mask;

	vv__note_mask(g, mask);
	if (closed)
		vv__pass_on_kept(g, closed, false);
	vv__send_unmasked(g);
}

/*
 * The mask is the kernel's business: it is saved and set in one call. Back here, perhaps on another thread, it is what was
 * saved: libc goes on with a context by itself where the function of another has ended.
 */
VV_EXPORT int swapcontext(ucontext_t *from, const ucontext_t *to)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (g->is_hub || !from || !to)
		return REAL(swapcontext)(from, to);
	before_swap(g, to);
	r = REAL(swapcontext)(from, to);
	follow(vv__me(), vv__of_sigset(&from->uc_sigmask));
	return r;
}
