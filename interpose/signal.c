/*
 * Handlers: sigaction and its relatives, and the one entry that the kernel calls for every handler of the program. What
 * the program asked for is remembered here and shown to it again; SIG_DFL and SIG_IGN stay the kernel's. The entry is
 * installed with the program's own mask and flags, so the kernel blocks, restarts and changes stacks as it would, and
 * only decides when the handler runs: see signal.h.
 */
#include "signal.h"
#include "interpose.h"
#include "process.h"

#include <ucontext.h>

struct action {
	_Atomic(__sighandler_t) handler; /* SIG_DFL: none of the program's */
	_Atomic int flags;
	sigset_t mask;
};

static struct action actions[VV__SIGNALS + 1];
static _Atomic int handlers; /* how many the program has; of faults none, they wake nobody */
static _Atomic int lock;     /* of changes */

typedef void (*entry)(int, siginfo_t *, void *);

static bool is_handler(__sighandler_t h)
{
	return h != SIG_DFL && h != SIG_IGN;
}

static void count_handler(int sig, int more)
{
	if (!(VV__FAULTS & vv__bit(sig)))
		atomic_fetch_add(&handlers, more);
}

bool vv__handled_by_program(int sig)
{
	return is_handler(atomic_load(&actions[sig].handler));
}

bool vv__is_ignored(int sig)
{
	const uint64_t harmless = vv__bit(SIGCHLD) | vv__bit(SIGURG) | vv__bit(SIGWINCH) | vv__bit(SIGCONT);
	struct sigaction a;

	if (vv__handled_by_program(sig) || REAL(sigaction)(sig, NULL, &a) != 0)
		return false;
	return a.sa_handler == SIG_IGN || (a.sa_handler == SIG_DFL && harmless & vv__bit(sig));
}

/* Core's hook: could a signal still wake somebody who waits for ever? */
bool vv__may_be_signalled(void)
{
	return atomic_load(&handlers) > 0;
}

/* ---- the entry ---- */

static void forget_handler(int sig)
{
	struct sigaction a = {.sa_handler = SIG_DFL};

	a.sa_flags = actions[sig].flags;
	a.sa_mask = actions[sig].mask;
	REAL(sigaction)(sig, &a, NULL);
	actions[sig].handler = SIG_DFL;
	count_handler(sig, -1);
}

static uint64_t kernel_mask(void)
{
	uint64_t mask = 0;

	vv__syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
	return mask;
}

/* With everything blocked: send this kernel thread a kept signal for real. */
static long send_kept(struct vv_greenlet *g, int sig)
{
	siginfo_t info;

	if (vv__handled_by_program(sig))
		return vv__send_look(vv__syscall(SYS_gettid), sig, g);
	if (vv__take_kept(g, vv__bit(sig), false, &info)) /* the kernel's business */
		vv__queue_raw(vv__syscall(SYS_gettid), sig, &info);
	return 0;
}

void vv__send_unmasked(struct vv_greenlet *g)
{
	uint64_t set, before;

	if (g->is_hub || g->inside)
		return;
	vv__claim_kept(g);
	set = atomic_load(&g->pending) & ~g->mask & ~VV__LIBC_SIGNALS;
	if (!set)
		return;
	before = vv__block_to_send();
	for (; set; set &= set - 1)
		send_kept(g, __builtin_ctzl(set) + 1);
	vv__unblock(before);
}

/*
 * Call the program's handler in the frame that the kernel made. The mask on record is the kernel's while it runs;
 * afterwards it is what it was when the signal came, unless the handler changed what the frame will restore.
 */
static void run(struct vv_greenlet *g, int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	__sighandler_t handler = atomic_load(&actions[sig].handler);
	entry call = (entry)(void *)handler; /* the kernel passes all three to every handler, too */
	int flags = actions[sig].flags;
	uint64_t before, frame = vv__of_sigset(&uc->uc_sigmask);

	if (!is_handler(handler))
		return;
	if (flags & SA_RESETHAND)
		forget_handler(sig);
	if (!g) {
		call(sig, info, context);
		return;
	}
	before = g->mask;
	vv__note_mask(g, kernel_mask());
	call(sig, info, context);
	vv__note_mask(g, vv__of_sigset(&uc->uc_sigmask) == frame ? before : vv__of_sigset(&uc->uc_sigmask));
	g->handled |= flags & SA_RESTART ? VV__HANDLED_RESTART : VV__HANDLED_INTERRUPT;
	vv__send_unmasked(g);
}

static void keep(struct vv_greenlet *owner, int sig, siginfo_t *info, bool directed, void *context)
{
	ucontext_t *uc = context;

	if (vv__keep(sig, info, owner, directed) < 0) {
		/* No room: leave it to the kernel, blocked here until the mask changes. */
		*(uint64_t *)&uc->uc_sigmask |= vv__bit(sig);
		vv__syscall(SYS_rt_sigqueueinfo, vv__syscall(SYS_getpid), sig, info);
	}
	vv__hub_signal();
}

/* Sent by what the running code does, or measuring it: not for another greenlet. */
static bool belongs_here(int sig, const siginfo_t *info)
{
	return info->si_code == SI_TKILL || info->si_code == SI_TIMER || sig == SIGPIPE || sig == SIGXFSZ ||
	       sig == SIGPROF || sig == SIGVTALRM;
}

/* The kernel prefers the thread that made the child. */
static struct vv_greenlet *forker_of(int sig, const siginfo_t *info)
{
	struct vv_greenlet *g = sig == SIGCHLD && info->si_code > 0 ? vv__forker_of(info->si_pid) : NULL;

	return g && !(vv__mask_beside_fork(g) & vv__bit(sig)) ? g : NULL;
}

/*
 * Whose is a signal that the kernel gave to this kernel thread? The kernel prefers the main thread, and programs rely on
 * it: it is main that sleeps until SIGTERM, or takes it in sigwait though others do not block it. Null: whoever the hub
 * finds. Inside, g may block the signal: it can come while core is about to run another.
 */
static struct vv_greenlet *owner_of(struct vv_greenlet *g, int sig, const siginfo_t *info)
{
	struct vv_greenlet *main = vv__main_greenlet(), *other;
	bool accepts = !g->is_hub && (!g->inside || !(g->mask & vv__bit(sig)));
	uint8_t state = atomic_load(&main->state);

	if (info->si_code == SI_TIMER && (other = vv__alarm_owner(sig, info)))
		return other;
	if ((other = forker_of(sig, info)))
		return other;
	if (!g->is_hub && belongs_here(sig, info))
		return g;
	if (g != main && (!(main->mask & vv__bit(sig)) || vv__awaits(main, sig)) && state != VV__DONE &&
	    state != VV__FREE)
		return main;
	return accepts ? g : NULL;
}

/* A look: somebody has kept this signal for a greenlet, the one that ran here when it was sent. */
static void look(struct vv_greenlet *g, int sig, siginfo_t *info, void *context)
{
	struct vv_greenlet *owner = vv__look_owner(g, info);

	if (owner != g || g->inside)
		vv__look_came_in_vain(owner, sig);
	else if (vv__take_kept(g, vv__bit(sig), false, info))
		run(g, sig, info, context);
}

/*
 * The handler will run elsewhere, so the call that the kernel has interrupted here goes on: back to the system call
 * instruction, if it can be seen which call it was. Calls with relative times are left alone.
 */
static void undo_interruption(ucontext_t *uc)
{
#ifdef __x86_64__
	enum { SYSCALL = 0x050f, MOV_EAX = 0xb8, XOR_EAX = 0xc031 };
	greg_t *regs = uc->uc_mcontext.gregs;
	const uint8_t *ip = (const uint8_t *)regs[REG_RIP];
	uint16_t before, last;
	uint32_t number;

	if (regs[REG_RAX] != -EINTR || memcpy(&last, ip - 2, 2) == NULL || last != SYSCALL)
		return;
	memcpy(&number, ip - 6, 4);
	memcpy(&before, ip - 4, 2);
	if (ip[-7] != MOV_EAX && before != XOR_EAX)
		return;
	if (ip[-7] != MOV_EAX)
		number = SYS_read;
	switch (number) {
	case SYS_poll:
	case SYS_select:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_futex:
	case SYS_rt_sigtimedwait:
	case SYS_rt_sigsuspend:
	case SYS_pause:
		return;
	}
	regs[REG_RAX] = number;
	regs[REG_RIP] -= 2;
#endif
}

#ifdef __x86_64__
/* Calls that wait as long as it takes; those that the kernel interrupts whatever the handler's flags are not here. */
static bool may_be_interrupted(long call)
{
	switch (call) {
	case SYS_read:
	case SYS_readv:
	case SYS_preadv:
	case SYS_preadv2:
	case SYS_pread64:
	case SYS_write:
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_pwrite64:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_connect:
	case SYS_accept:
	case SYS_accept4:
	case SYS_splice:
	case SYS_tee:
	case SYS_vmsplice:
	case SYS_sendfile:
	case SYS_open:
	case SYS_openat:
	case SYS_ioctl:
	case SYS_fcntl:
	case SYS_flock:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_mq_timedsend:
	case SYS_mq_timedreceive:
		return true;
	}
	return false;
}
#endif

/*
 * A handler without SA_RESTART has run within one of ours that has it: the call that the kernel is about to make again ends
 * instead. The system call instruction leaves its own end in a register, by which one that was made is known from one
 * that is about to be.
 */
void vv__interrupt_call(void *context)
{
#ifdef __x86_64__
	enum { SYSCALL = 0x050f };
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint16_t next;

	memcpy(&next, (const void *)regs[REG_RIP], 2);
	if (next != SYSCALL || regs[REG_RCX] != regs[REG_RIP] + 2 || !may_be_interrupted(regs[REG_RAX]))
		return;
	regs[REG_RAX] = -EINTR;
	regs[REG_RIP] += 2;
#endif
}

/* When RLIMIT_SIGPENDING is reached the kernel still delivers a look, but it forgets what came with it. */
static bool is_look(struct vv_greenlet *g, int sig, const siginfo_t *info)
{
	if (info->si_code == VV__SI_LOOK)
		return true;
	return g && info->si_code == SI_USER && info->si_pid == 0 && atomic_load(&g->pending) & vv__bit(sig);
}

/* A guard of core/stack.c is no mapping of its own; the program's guards say that the page is there and may not be used. */
static void name_the_guard(const struct vv_greenlet *g, int sig, siginfo_t *info)
{
	uintptr_t below = (uintptr_t)g->stack - (uintptr_t)info->si_addr;

	if (sig == SIGSEGV && info->si_code == SEGV_MAPERR && g->stack && below - 1 < g->guard_size)
		info->si_code = SEGV_ACCERR;
}

/* Signals that queue come in order: if some are kept for g, the first of them is handled here, and this one is the last. */
static void take_turns(struct vv_greenlet *g, int sig, siginfo_t *info, void *context)
{
	siginfo_t first;

	vv__claim_kept(g);
	if (!vv__take_kept(g, vv__bit(sig), false, &first))
		return;
	keep(g, sig, info, info->si_code == SI_TKILL, context);
	*info = first;
}

static void handle(struct vv_greenlet *g, int sig, siginfo_t *info, void *context)
{
	bool fault = info->si_code > 0 && VV__FAULTS & vv__bit(sig);
	struct vv_greenlet *owner;

	if (is_look(g, sig, info)) {
		look(g, sig, info, context);
		return;
	}
	if (!g || fault) {
		if (g)
			name_the_guard(g, sig, info);
		run(g, sig, info, context);
		return;
	}
	owner = owner_of(g, sig, info);
	if (owner == g && !g->inside) {
		if (sig > VV__SIGSETXID)
			take_turns(g, sig, info, context);
		run(g, sig, info, context);
		return;
	}
	keep(owner, sig, info, owner == g && info->si_code == SI_TKILL, context);
	if (owner == g || g->inside)
		return;
	if (owner)
		vv__prod(owner);
	if (!(actions[sig].flags & SA_RESTART))
		undo_interruption(context);
}

/*
 * While a bystander is in a greenlet's place (vfork in clone.c): the parent can come here just before its child is made or
 * just after that has gone, and is the greenlet for as long as it takes. The child takes no signal but its own faults for
 * the moment that is left until exec: the handler would run in its parent's memory.
 */
static vv__slow void handle_beside_vfork(
    struct vv_greenlet *bystander, int sig, siginfo_t *info, void *context)
{
	if (vv__syscall(SYS_getpid) == bystander->tid) {
		vv__self = bystander->bystands;
		handle(vv__self, sig, info, context);
		vv__self = bystander;
	} else if (info->si_code > 0 && VV__FAULTS & vv__bit(sig)) {
		handle(bystander, sig, info, context);
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct vv_greenlet *g = vv__self;

	if (vv__unlikely(g && g->bystands))
		handle_beside_vfork(g, sig, info, context);
	else
		handle(g, sig, info, context);
}

/* ---- kept ones, at a safe point ---- */

/* g sends itself a kept signal for real, with everything blocked until it is on its way: a handler could move g to another
 * kernel thread meanwhile. */
static long send_again(struct vv_greenlet *g, int sig)
{
	uint64_t before = vv__block_to_send();
	long r = send_kept(g, sig);

	vv__unblock((g->mask & ~VV__LIBC_SIGNALS) | (before & VV__LIBC_SIGNALS));
	return r;
}

/*
 * Core's hook, in program code: handle what is kept for g now and not blocked. What comes meanwhile is for the next safe
 * point: a handler that makes somebody send the next signal must not keep g for ever. In the middle of a wait g cannot
 * move to a kernel thread of its own; that request stays.
 */
void vv__run_handlers(struct vv_greenlet *g)
{
	siginfo_t info;
	uint64_t set;

	if (!g->wait && vv__take_kept(g, vv__bit(VV__SIGSETXID), false, &info))
		vv__place_now(g);
	if (vv__take_kept(g, vv__bit(VV__SIGCANCEL), false, &info))
		vv__cancel_if_async(g);
	for (int n = vv__count_kept(g); n > 0; n--) {
		set = atomic_load(&g->pending) & ~g->mask & ~VV__LIBC_SIGNALS;
		if (!set || send_again(g, __builtin_ctzl(set) + 1) < 0)
			return;
	}
}

/* ---- sigaction ---- */

/* What the kernel has is ours: show the program what it asked for. */
static void show(int sig, struct sigaction *old)
{
	enum { KERNEL_ADDS = 0x04000000 }; /* SA_RESTORER */

	if (old->sa_sigaction != on_signal)
		return;
	old->sa_flags = (old->sa_flags & KERNEL_ADDS) | (actions[sig].flags & ~KERNEL_ADDS);
	old->sa_handler = actions[sig].handler;
	old->sa_mask = actions[sig].mask;
}

/* libc has told the kernel of a function of its own, to return from handlers; the raw call tells it what the program says. */
static void install_exactly(int sig, const struct sigaction *act)
{
	struct vv__kernel_action k = {act->sa_handler, (unsigned)act->sa_flags, act->sa_restorer, 0};

	memcpy(&k.mask, &act->sa_mask, sizeof k.mask);
	vv__syscall(SYS_rt_sigaction, sig, &k, NULL, sizeof k.mask);
}

static int install(int sig, const struct sigaction *act, struct sigaction *old, bool raw)
{
	struct sigaction ours = *act, had;
	struct action before = actions[sig];
	int r;

	if (is_handler(act->sa_handler)) {
		ours.sa_sigaction = on_signal;
		ours.sa_flags = (act->sa_flags | SA_SIGINFO) & ~SA_RESETHAND;
		actions[sig].flags = act->sa_flags;
		actions[sig].mask = act->sa_mask;
		actions[sig].handler = act->sa_handler;
		if (sig > VV__SIGSETXID)
			vv__keep_signals_in_order();
	}
	r = REAL(sigaction)(sig, &ours, &had);
	if (r != 0) {
		actions[sig] = before;
		return r;
	}
	if (old) {
		struct action now = actions[sig];

		actions[sig] = before;
		show(sig, &had);
		actions[sig] = now;
		*old = had;
	}
	if (raw && !is_handler(act->sa_handler))
		install_exactly(sig, act);
	if (!is_handler(act->sa_handler))
		actions[sig].handler = SIG_DFL;
	count_handler(sig, is_handler(act->sa_handler) - is_handler(before.handler));
	return 0;
}

/* vfork's child has its own actions, of which ours are its parent's still. It may end any time: it takes no lock. */
static int sigaction_beside_vfork(int sig, const struct sigaction *act, struct sigaction *old)
{
	int r = REAL(sigaction)(sig, act, old);

	if (r == 0 && old)
		show(sig, old);
	return r;
}

int vv__sigaction(int sig, const struct sigaction *act, struct sigaction *old, bool raw)
{
	struct vv_greenlet *g = vv__me();
	uint64_t before;
	int r;

	if (vv__unlikely(g->bystands))
		return sigaction_beside_vfork(sig, act, old);
	if (!vv__family_on(signal) || vv__is_hub(g) || sig < 1 || sig > VV__SIGNALS)
		return REAL(sigaction)(sig, act, old);
	before = vv__lock_masked(&lock);
	if (act) {
		struct sigaction copy = *act; /* old may be the same object */

		r = install(sig, &copy, old, raw);
	} else {
		r = REAL(sigaction)(sig, NULL, old);
		if (r == 0 && old)
			show(sig, old);
	}
	vv__unlock_masked(&lock, before);
	if (r == 0 && act && vv__is_ignored(sig))
		vv__drop_kept(sig);
	return r;
}

VV_EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return vv__sigaction(sig, act, old, false);
}
VV_ALIAS(__sigaction, sigaction);

/* ---- its relatives ---- */

static _Atomic uint64_t interrupting; /* siginterrupt */

static __sighandler_t fail(int error)
{
	errno = error;
	return SIG_ERR;
}

static __sighandler_t set_handler(int sig, __sighandler_t handler, int flags, bool mask_itself)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags}, old;

	if (handler == SIG_ERR || sig < 1 || sig > VV__SIGNALS)
		return fail(EINVAL);
	sigemptyset(&act.sa_mask);
	if (mask_itself)
		*(uint64_t *)&act.sa_mask = vv__bit(sig);
	return sigaction(sig, &act, &old) < 0 ? SIG_ERR : old.sa_handler;
}

VV_EXPORT __sighandler_t signal(int sig, __sighandler_t handler)
{
	bool restart = sig < 1 || sig > VV__SIGNALS || !(atomic_load(&interrupting) & vv__bit(sig));

	return set_handler(sig, handler, restart ? SA_RESTART : 0, true);
}
VV_ALIAS(ssignal, signal);
VV_ALIAS(bsd_signal, signal);

VV_EXPORT __sighandler_t sysv_signal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESETHAND | SA_NODEFER | SA_INTERRUPT, false);
}
VV_ALIAS(__sysv_signal, sysv_signal);

VV_EXPORT int siginterrupt(int sig, int interrupt)
{
	struct sigaction act;

	if (sigaction(sig, NULL, &act) < 0)
		return -1;
	if (interrupt) {
		atomic_fetch_or(&interrupting, vv__bit(sig));
		act.sa_flags &= ~SA_RESTART;
	} else {
		atomic_fetch_and(&interrupting, ~vv__bit(sig));
		act.sa_flags |= SA_RESTART;
	}
	return sigaction(sig, &act, NULL);
}

VV_EXPORT int sigignore(int sig)
{
	struct sigaction act = {.sa_handler = SIG_IGN};

	return sigaction(sig, &act, NULL);
}

/* System V's: SIG_HOLD blocks the signal, anything else unblocks it; says SIG_HOLD if it was blocked. */
VV_EXPORT __sighandler_t sigset(int sig, __sighandler_t disposition)
{
	struct sigaction act = {.sa_handler = disposition}, old;
	sigset_t set, before;

	if (disposition == SIG_ERR || sig < 1 || sig > VV__SIGNALS)
		return fail(EINVAL);
	sigemptyset(&set);
	if (sigaddset(&set, sig) < 0)
		return SIG_ERR;
	if (disposition == SIG_HOLD) {
		if (sigprocmask(SIG_BLOCK, &set, &before) < 0)
			return SIG_ERR;
		if (sigismember(&before, sig))
			return SIG_HOLD;
		return sigaction(sig, NULL, &old) < 0 ? SIG_ERR : old.sa_handler;
	}
	if (sigaction(sig, &act, &old) < 0 || sigprocmask(SIG_UNBLOCK, &set, &before) < 0)
		return SIG_ERR;
	return sigismember(&before, sig) ? SIG_HOLD : old.sa_handler;
}
