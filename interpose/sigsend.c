/*
 * Sending signals to threads. A greenlet has no kernel thread to send to: the signal is kept for it and it is made to
 * look (sigkept.c). Signals to processes are the kernel's.
 */
#include "interpose.h"
#include "signal.h"

#include <sys/resource.h>

long vv__queue_raw(int tid, int sig, const siginfo_t *info)
{
	return vv__syscall(SYS_rt_tgsigqueueinfo, vv__syscall(SYS_getpid), tid, sig, info);
}

long vv__send_look(int tid, int sig, struct vv_greenlet *g)
{
	siginfo_t look = {.si_signo = sig, .si_code = VV__SI_LOOK};

	look.si_value.sival_ptr = g;
	return vv__queue_raw(tid, sig, &look);
}

static siginfo_t info_of(int sig, int code)
{
	siginfo_t info = {.si_signo = sig, .si_code = code};

	info.si_pid = vv__syscall(SYS_getpid);
	info.si_uid = vv__syscall(SYS_getuid);
	return info;
}

/* To the caller itself, before this returns. Blocked meanwhile: a handler could move it to another kernel thread. */
static int raise_here(int sig, const siginfo_t *info)
{
	uint64_t before = vv__block_to_send();
	long r = vv__queue_raw(vv__syscall(SYS_gettid), sig, info);

	vv__unblock(before);
	return -r;
}

/* The same for what was queued with a value and is kept. Delivered, it would not tell whether this thread was meant, or any. */
static int look_here(struct vv_greenlet *g, int sig)
{
	uint64_t before = vv__block_to_send();

	vv__send_look(vv__syscall(SYS_gettid), sig, g);
	vv__unblock(before);
	return 0;
}

/* As the kernel: what queues counts against a limit, of which others' signals may have taken a part. */
static bool no_room(int sig)
{
	struct rlimit limit;

	return sig > VV__SIGSETXID && vv__syscall(SYS_prlimit64, 0, RLIMIT_SIGPENDING, NULL, &limit) == 0 &&
	       (rlim_t)vv__kept_in_all() >= limit.rlim_cur;
}

/* Whether g may send itself a signal for real. */
static bool is_for_kernel(struct vv_greenlet *g, int sig, const siginfo_t *info)
{
	bool blocked = g->mask & vv__bit(sig), alone = atomic_load(&vv__live) <= 1;

	if (alone || info->si_code == SI_TKILL)
		return !blocked || vv__direct(g);
	return !blocked && !vv__handled_by_program(sig);
}

int vv__signal_greenlet(struct vv_greenlet *g, int sig, const siginfo_t *info)
{
	struct vv_greenlet *me = vv__me();
	uint8_t state = atomic_load(&g->state);

	if (sig < 0 || sig > VV__SIGNALS)
		return EINVAL;
	if (sig == 0 || state == VV__DONE || state == VV__FREE)
		return 0;
	if (g == me && is_for_kernel(g, sig, info))
		return raise_here(sig, info);
	if (sig == SIGKILL || sig == SIGSTOP)
		return -vv__syscall(SYS_kill, vv__syscall(SYS_getpid), sig);
	if (!(g->mask & vv__bit(sig)) && vv__is_ignored(sig))
		return 0;
	if (g->mask & vv__bit(sig) && vv__leave_to_kernel(g, sig, info))
		return 0;
	vv__install_cancel_handler();
	if (no_room(sig) || vv__keep(sig, info, g, true) < 0)
		return EAGAIN;
	if (g == me && !(g->mask & vv__bit(sig)))
		return look_here(g, sig);
	atomic_thread_fence(
	    memory_order_seq_cst); /* against sigsuspend, which opens its mask and then looks */
	if (!(g->mask & vv__bit(sig)) || vv__awaits(g, sig))
		vv__prod(g);
	return 0;
}

/* ---- pthread_kill and its like ---- */

static int send_thread(pthread_t t, int sig, const siginfo_t *info, bool *not_ours)
{
	struct vv_greenlet *g = vv__of_thread(t);

	*not_ours = !g || g->foreign;
	if (*not_ours)
		return 0;
	if (sig == VV__SIGCANCEL || sig == VV__SIGSETXID)
		return EINVAL;
	return vv__signal_greenlet(g, sig, info);
}

VV_EXPORT int pthread_kill(pthread_t t, int sig)
{
	siginfo_t info = info_of(sig, SI_TKILL);
	bool not_ours;
	int r;

	vv__me();
	r = send_thread(t, sig, &info, &not_ours);
	return not_ours ? REAL(pthread_kill)(t, sig) : r;
}

VV_EXPORT int pthread_sigqueue(pthread_t t, int sig, const union sigval value)
{
	siginfo_t info = info_of(sig, SI_QUEUE);
	bool not_ours;
	int r;

	vv__me();
	info.si_value = value;
	r = send_thread(t, sig, &info, &not_ours);
	return not_ours ? REAL(pthread_sigqueue)(t, sig, value) : r;
}

VV_EXPORT int raise(int sig)
{
	siginfo_t info = info_of(sig, SI_TKILL);
	struct vv_greenlet *g = vv__me();
	int r;

	if (g->is_hub || g->foreign)
		return REAL(raise)(sig);
	r = sig == VV__SIGCANCEL || sig == VV__SIGSETXID ? EINVAL : vv__signal_greenlet(g, sig, &info);
	return vv__errno_return(-r);
}
VV_ALIAS(gsignal, raise);

int vv__tgkill(pid_t tgid, pid_t tid, int sig)
{
	siginfo_t info = info_of(sig, SI_TKILL);
	struct vv_greenlet *g;
	long r;

	if (tid > 0 && (tgid == -1 || tgid == info.si_pid) && (g = vv__of_tid(tid)) && !g->foreign) {
		if (atomic_load(&g->state) == VV__DONE)
			return vv__errno_return(-ESRCH);
		return vv__errno_return(-vv__signal_greenlet(g, sig, &info));
	}
	r = tgid == -1 ? vv__syscall(SYS_tkill, tid, sig) : vv__syscall(SYS_tgkill, tgid, tid, sig);
	return vv__errno_return(r);
}

VV_EXPORT int tgkill(pid_t tgid, pid_t tid, int sig)
{
	vv__me();
	return vv__tgkill(tgid, tid, sig);
}

/* A thread's id names its process, too. */
VV_EXPORT int kill(pid_t pid, int sig)
{
	struct vv_greenlet *g;

	vv__me();
	g = pid > 1 << 22 ? vv__of_tid(pid) : NULL;
	return REAL(kill)(g ? getpid() : pid, sig);
}

/* ---- pending in the kernel, for a kernel thread that goes to somebody else ---- */

static int take_pending(int sig, siginfo_t *info)
{
	struct timespec now = {0, 0};
	uint64_t bit = vv__bit(sig);

	return vv__syscall(SYS_rt_sigtimedwait, &bit, info, &now, sizeof bit);
}

/* Core's hook. Writing without a reader sends SIGPIPE to the kernel thread, which looks as if the process had sent it. */
void vv__save_pending(struct vv_greenlet *g, uint64_t id, uint64_t set)
{
	uint64_t pending = 0;
	siginfo_t info;

	vv__syscall(SYS_rt_sigpending, &pending, sizeof pending);
	for (set &= pending; set; set &= set - 1) {
		int sig = __builtin_ctzl(set) + 1;

		if (take_pending(sig, &info) != sig)
			continue;
		if (info.si_code == SI_USER && info.si_pid != vv__syscall(SYS_getpid)) {
			vv__keep(sig, &info, NULL, false);
			vv__hub_signal();
		} else if (g && g->id == id) {
			vv__keep(sig, &info, g, true);
		}
	}
}

/* Signals pending for this kernel thread alone, as its status file tells them. */
static uint64_t pending_here(void)
{
	static const char label[] = "SigPnd:\t";
	char text[4096] = "", *p;
	uint64_t set = 0;
	long fd = vv__syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	vv__syscall(SYS_read, fd, text, sizeof text - 1);
	vv__syscall(SYS_close, fd);
	p = strstr(text, label);
	for (p = p ? p + strlen(label) : text; *p && *p != '\n'; p++)
		set = set << 4 | (*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return set;
}

void vv__keep_pending(struct vv_greenlet *g)
{
	uint64_t set = 0;
	siginfo_t info;

	if (vv__syscall(SYS_rt_sigpending, &set, sizeof set) < 0 || !set)
		return;
	for (set = pending_here(); set; set &= set - 1) {
		int sig = __builtin_ctzl(set) + 1;

		while (take_pending(sig, &info) == sig) {
			vv__keep(sig, &info, g, true);
			if (sig < VV__SIGCANCEL)
				break;
		}
	}
	vv__show_kept(g);
}

/* exec: what is kept for g, which blocks it, is to be pending in the new program. True if something was. */
bool vv__give_back_kept(struct vv_greenlet *g)
{
	uint64_t set = g->mask & ~VV__LIBC_SIGNALS;
	siginfo_t info;
	bool any = false;
	int sig;

	if (vv__kept_in_all() == 0)
		return false;
	while ((sig = vv__take_kept(g, set, false, &info))) {
		vv__queue_raw(vv__syscall(SYS_gettid), sig, &info);
		any = true;
	}
	while ((sig = vv__take_kept(g, set, true, &info)))
		vv__syscall(SYS_rt_sigqueueinfo, vv__syscall(SYS_getpid), sig, &info);
	return any;
}
