/*
 * syscall(). The entry is assembly and goes straight to the kernel for every number that has no row in syscalls.def, so
 * that calls which return twice, or never, or on another stack are as if we were not there. The others come here.
 *
 * The functions of libc's that stand for them are cancellation points and syscall() is none, so cancellation is
 * disabled around them.
 */
#include "cpuclock.h"
#include "futex.h"
#include "process.h"
#include "signal.h"
#include "thread.h"

#include <sched.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>

enum { NUMBERS = 512, KERNEL_MASK = 8 };

#define N(i) (a[i])
#define P(i) ((void *)a[i])
#define TIMER(i) ((timer_t)(uintptr_t)(uint32_t)a[i])

static long raw(long n, const long *a)
{
	return vv__syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long raw_hopped(long n, const long *a)
{
	long r;

	vv__hop();
	r = raw(n, a);
	vv__hop_back();
	return r;
}

static long result(long r)
{
	return r == -1 ? -errno : r;
}

/* ---- readiness: the kernel writes back how much time is left ---------------------------------------- */

/* The mask of size bytes at kernel, or null if that is null: *mask. 0 or as the kernel. */
static int mask_of(const void *kernel, long size, sigset_t *copy, const sigset_t **mask)
{
	*mask = kernel ? copy : NULL;
	if (!kernel)
		return 0;
	sigemptyset(copy);
	return size != KERNEL_MASK ? -EINVAL : vv__copy_in(copy, kernel, KERNEL_MASK);
}

static bool is_bad(const struct timespec *ts)
{
	return ts && !vv__given(ts, sizeof *ts);
}

static void leave_rest(struct timespec *ts, int64_t end)
{
	int64_t rest = end - vv__now();

	if (rest < 0)
		rest = 0;
	ts->tv_sec = rest / 1000000000;
	ts->tv_nsec = rest % 1000000000;
}

/* When a wait of that long ends; 0 if it is none that anybody could wait to see the rest of. */
static int64_t end_of(const struct timespec *ts)
{
	if (!ts || !vv__timespec_valid(ts) || ts->tv_sec < 0 || ts->tv_sec > INT32_MAX)
		return 0;
	return vv__now() + ts->tv_sec * 1000000000 + ts->tv_nsec;
}

static long ppoll_updating(const long *a)
{
	struct timespec *ts = P(2);
	const sigset_t *mask;
	sigset_t copy;
	int64_t end;
	long r = mask_of(P(3), N(4), &copy, &mask);

	if (r < 0 || is_bad(ts))
		return r < 0 ? r : -EFAULT;
	end = end_of(ts);
	r = result(ppoll(P(0), N(1), ts, mask));
	if (end)
		leave_rest(ts, end);
	return r;
}

struct sized_mask {
	const void *mask;
	size_t size;
};

static long pselect_updating(const long *a)
{
	struct timespec *ts = P(4);
	struct sized_mask sized = {.size = KERNEL_MASK};
	const sigset_t *mask = NULL;
	sigset_t copy;
	int64_t end;
	long r = P(5) ? vv__copy_in(&sized, P(5), sizeof sized) : 0;

	r = r < 0 || is_bad(ts) ? -EFAULT : mask_of(sized.mask, sized.size, &copy, &mask);
	if (r < 0)
		return r;
	end = end_of(ts);
	r = result(pselect(N(0), P(1), P(2), P(3), ts, mask));
	if (end)
		leave_rest(ts, end);
	return r;
}

static long epoll_pwait_sized(const long *a)
{
	const sigset_t *mask;
	sigset_t copy;
	int r = mask_of(P(4), N(5), &copy, &mask);

	return r < 0 ? r : result(epoll_pwait(N(0), P(1), N(2), N(3), mask));
}

#ifdef SYS_select
static long select_by_timeval(const long *a)
{
	struct timeval *limit = P(4);

	return limit && !vv__given(limit, sizeof *limit) ? -EFAULT
							 : result(select(N(0), P(1), P(2), P(3), limit));
}
#endif

static long epoll_pwait2_sized(const long *a)
{
	const sigset_t *mask;
	sigset_t copy;
	int r = mask_of(P(4), N(5), &copy, &mask);

	return r < 0 ? r : result(epoll_pwait2(N(0), P(1), N(2), P(3), mask));
}

/* A ring for one issuer answers only the kernel thread that made it, or that enabled it. */
static long io_uring_setup(const long *a)
{
	enum { FLAGS = 2, SINGLE_ISSUER = 1 << 12 };
	uint32_t params[FLAGS + 1];

	if (vv__copy_in(params, P(1), sizeof params) == 0 && params[FLAGS] & SINGLE_ISSUER)
		vv__bind();
	return raw(SYS_io_uring_setup, a);
}

static long io_uring_register(const long *a)
{
	enum { ENABLE_RINGS = 12 };

	if (N(1) == ENABLE_RINGS)
		vv__bind();
	return raw(SYS_io_uring_register, a);
}

static long io_uring_enter(const long *a)
{
	return N(2) > 0 ? raw_hopped(SYS_io_uring_enter, a) : raw(SYS_io_uring_enter, a);
}

/* libc has answers of its own for clocks of CPU time; the kernel for the caller's, which is none to sleep on. */
static long sleep_by_clock(const long *a)
{
	if (N(0) != CLOCK_THREAD_CPUTIME_ID && vv__of_clock(N(0)))
		return -clock_nanosleep(N(0), N(1), P(2), P(3));
	if (vv__direct(vv__me()) ||
	    (N(0) != CLOCK_REALTIME && N(0) != CLOCK_MONOTONIC && N(0) != CLOCK_BOOTTIME))
		return raw_hopped(SYS_clock_nanosleep, a);
	return -clock_nanosleep(N(0), N(1), P(2), P(3));
}

/* ---- processes -------------------------------------------------------------------------------------- */

static long get_tid(const long *a)
{
	return vv__gettid();
}

/* The word is for the end of a kernel thread, and that is not the greenlet's. */
static long set_tid_address(const long *a)
{
	struct vv_greenlet *g = vv__me();

	if (g->foreign || vv__syscall(SYS_gettid) != vv__carrier_tid(g) || !atomic_load(&vv__started)) {
		vv__futex_cleared();
		return raw(SYS_set_tid_address, a);
	}
	return g->tid;
}

/* A greenlet must not take its carrier along, the last one takes the process. A kernel thread that is not ours, or a
 * child that shares our memory, really ends. */
static long end_thread(const long *a)
{
	struct vv_greenlet *g = vv__me();

	if (g->foreign || !atomic_load(&vv__started) || vv__syscall(SYS_gettid) != vv__carrier_tid(g))
		return raw(SYS_exit, a);
	if (atomic_load(&vv__live) > 1)
		vv__vanish(g);
	return raw(SYS_exit_group, a);
}

static long end_process(const long *a)
{
	_exit(N(0));
}

static long wait_by_id(const long *a)
{
	if (P(4))
		return raw_hopped(SYS_waitid, a);
	return result(waitid(N(0), N(1), P(2), N(3)));
}

/* ---- signals ---------------------------------------------------------------------------------------- */

static long signal_thread(const long *a)
{
	struct vv_greenlet *g = vv__of_tid(N(0));

	return g ? -pthread_kill(g->thread, N(1)) : raw(SYS_tkill, a);
}

static long signal_thread_of(const long *a)
{
	struct vv_greenlet *g = N(0) == getpid() ? vv__of_tid(N(1)) : NULL;

	return g ? -pthread_kill(g->thread, N(2)) : raw(SYS_tgkill, a);
}

/* A thread's id names its process, too. */
static long queue_signal(const long *a)
{
	long b[] = {vv__of_tid(N(0)) ? getpid() : N(0), a[1], a[2]};

	return vv__syscall(SYS_rt_sigqueueinfo, b[0], b[1], b[2]);
}

static long queue_signal_of(const long *a)
{
	struct vv_greenlet *g = N(0) == getpid() ? vv__of_tid(N(1)) : NULL;
	siginfo_t info;
	int r;

	if (!g || g->foreign)
		return raw(SYS_rt_tgsigqueueinfo, a);
	r = vv__copy_in(&info, P(3), sizeof info);
	if (r < 0)
		return r;
	info.si_signo = N(2);
	return -vv__signal_greenlet(g, N(2), &info);
}

static long change_mask(const long *a)
{
	sigset_t copy, old;
	const sigset_t *set;
	int r = N(3) != KERNEL_MASK ? -EINVAL : mask_of(P(1), N(3), &copy, &set);

	if (r == 0)
		r = -pthread_sigmask(N(0), set, &old);
	if (r == 0 && P(2))
		r = vv__copy_out(P(2), &old, KERNEL_MASK);
	return r;
}

static long take_signal(const long *a)
{
	return N(3) != KERNEL_MASK ? -EINVAL : result(sigtimedwait(P(0), P(1), P(2)));
}

static long suspend(const long *a)
{
	return N(1) != KERNEL_MASK ? -EINVAL : result(sigsuspend(P(0)));
}

static long change_action(const long *a)
{
	struct sigaction act = {.sa_handler = SIG_DFL}, old;
	struct vv__kernel_action k = {.handler = NULL};
	long r;

	if (N(3) != KERNEL_MASK || N(0) == VV__SIGCANCEL || N(0) == VV__SIGSETXID)
		return raw(SYS_rt_sigaction, a);
	r = P(1) ? vv__copy_in(&k, P(1), sizeof k) : 0;
	if (r < 0)
		return r;
	act.sa_handler = k.handler;
	act.sa_flags = (int)k.flags;
	act.sa_restorer = k.restorer;
	memcpy(&act.sa_mask, &k.mask, KERNEL_MASK);
	r = result(vv__sigaction(N(0), P(1) ? &act : NULL, &old, true));
	if (r < 0 || !P(2))
		return r;
	k = (struct vv__kernel_action){old.sa_handler, (unsigned)old.sa_flags, old.sa_restorer, 0};
	memcpy(&k.mask, &old.sa_mask, KERNEL_MASK);
	return vv__copy_out(P(2), &k, sizeof k);
}

static long pending(const long *a)
{
	sigset_t set;
	long r;

	if (N(1) != KERNEL_MASK)
		return raw(SYS_rt_sigpending, a);
	r = result(sigpending(&set));
	return r < 0 ? r : vv__copy_out(P(0), &set, KERNEL_MASK);
}

/* ---- what a kernel thread has of its own ------------------------------------------------------------ */

/* Ids, capabilities and the like that the program gives to the calling thread alone. */
static long alone(long n, const long *a)
{
	if (vv__me()->traces || (atomic_load(&vv__started) && !vv__me()->native))
		vv__pin();
	return raw(n, a);
}

static long filter_calls(const long *a)
{
	enum { SET_MODE_FILTER = 1, EVERY_THREAD = 1 };

	if (N(0) == SET_MODE_FILTER)
		vv__filter_begins();
	if (N(0) > SET_MODE_FILTER || (N(0) == SET_MODE_FILTER && N(1) & EVERY_THREAD))
		return raw(SYS_seccomp, a);
	return alone(SYS_seccomp, a);
}

/* ---- the table -------------------------------------------------------------------------------------- */

typedef long (*emulation)(const long *a);

#define CALL(number, expression)                                                                             \
	static long call_##number(const long *a)                                                             \
	{                                                                                                    \
		return result(expression);                                                                   \
	}
#define HOP(number)                                                                                          \
	static long call_##number(const long *a)                                                             \
	{                                                                                                    \
		return raw_hopped(SYS_##number, a);                                                          \
	}
#define ALONE(number)                                                                                        \
	static long call_##number(const long *a)                                                             \
	{                                                                                                    \
		return alone(SYS_##number, a);                                                               \
	}
#define OWN(number, function)
#include "syscalls.def"
#undef CALL
#undef HOP
#undef ALONE
#undef OWN

/* Read by the entry. */
__attribute__((visibility("hidden"))) const emulation vv__emulations[NUMBERS] = {
#define CALL(number, expression) [SYS_##number] = call_##number,
#define HOP(number) [SYS_##number] = call_##number,
#define ALONE(number) [SYS_##number] = call_##number,
#define OWN(number, function) [SYS_##number] = function,
#include "syscalls.def"
#undef CALL
#undef HOP
#undef ALONE
#undef OWN
};

static long without_cancellation(emulation f, const long *a)
{
	int state, before = errno;
	long r;

	if (*vv__me()->cancel & VV__CANCEL_ASYNC) { /* then any instruction is a cancellation point */
		r = f(a);
	} else {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		r = f(a);
		pthread_setcancelstate(state, NULL);
	}
	errno = before;
	return r;
}

__attribute__((visibility("hidden"))) long vv__emulate_syscall(
    long n, long a, long b, long c, long d, long e, long f)
{
	const long args[] = {a, b, c, d, e, f};
	struct vv_greenlet *g = vv__me();

	if (vv__is_hub(g) || !vv__family_on(syscall))
		return vv__errno_return(raw(n, args));
	if (n == SYS_futex || n == SYS_gettid || n == SYS_exit || n == SYS_clock_gettime)
		return vv__errno_return(vv__emulations[n](args));
	return vv__errno_return(without_cancellation(vv__emulations[n], args));
}

/* From the entry: the kernel answered with an error. */
__attribute__((visibility("hidden"))) long vv__syscall_failed(long r)
{
	errno = (int)-r;
	return -1;
}
