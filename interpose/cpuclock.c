/*
 * The CPU time of one thread: its clock, and getrusage's account of it. The kernel counts for kernel threads, so a
 * greenlet's is the core's (core/cpuclock.c). The number of its clock is made from its id as the kernel makes its own: ids of
 * greenlets are larger than any that the kernel gives, and every other number is the kernel's.
 */
#include "cpuclock.h"
#include "interpose.h"

#include <sys/resource.h>

enum { WHICH = 7, THREAD = 6, ITSELF = 0 }; /* the kernel's CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED */

static bool ended(struct vv_greenlet *g)
{
	uint8_t state = atomic_load(&g->state);

	return state == VV__DONE || state == VV__FREE;
}

/* One that runs here and there; a slice is main, and stays where it is. */
static bool moves(struct vv_greenlet *g)
{
	return g && !g->foreign && !g->is_hub && !g->slice && atomic_load(&vv__started) && !ended(g);
}

struct vv_greenlet *vv__of_clock(clockid_t clock)
{
	struct vv_greenlet *me = vv__me(), *g;
	int tid = clock == CLOCK_THREAD_CPUTIME_ID ? ITSELF : ~(clock >> 3);

	if (clock != CLOCK_THREAD_CPUTIME_ID && (clock >= 0 || (clock & WHICH) != THREAD))
		return NULL;
	if (!atomic_load(&vv__started) || me->is_hub || !vv__family_on(thread))
		return NULL;
	g = tid == ITSELF || tid == me->tid ? me : vv__of_tid(tid);
	return moves(g) ? g : NULL;
}

clockid_t vv__clock_number(int tid)
{
	return (clockid_t)(~(unsigned)tid << 3) | THREAD;
}

VV_EXPORT int pthread_getcpuclockid(pthread_t t, clockid_t *clock)
{
	struct vv_greenlet *me = vv__me(), *g = vv__of_thread(t);

	if (!g || g->foreign || me->is_hub || !atomic_load(&vv__started))
		return REAL(pthread_getcpuclockid)(t, clock);
	if (ended(g))
		return ESRCH;
	*clock = vv__clock_number(g->tid);
	return 0;
}

static long tell(struct vv_greenlet *g, struct timespec *to)
{
	struct timespec t = vv__timespec_of(vv__cpu_time(g));

	if (vv__on_stack(to))
		*to = t;
	else
		return vv__copy_out(to, &t, sizeof t);
	return 0;
}

static vv__slow int get_cpu_time(clockid_t clock, struct timespec *t)
{
	struct vv_greenlet *g = vv__of_clock(clock);

	return g ? vv__errno_return(tell(g, t)) : REAL(clock_gettime)(clock, t);
}

/* The usual clocks cost as much as before; nothing is asked about the caller. */
VV_EXPORT int clock_gettime(clockid_t clock, struct timespec *t)
{
	vv__real_need();
	if (vv__unlikely(clock < 0 || clock == CLOCK_THREAD_CPUTIME_ID))
		return get_cpu_time(clock, t);
	return REAL(clock_gettime)(clock, t);
}

/* The caller's own, by number, has the same resolution, and may as little be set. */
static clockid_t known(clockid_t clock)
{
	return clock < 0 && vv__of_clock(clock) ? vv__clock_number(ITSELF) : clock;
}

VV_EXPORT int clock_getres(clockid_t clock, struct timespec *t)
{
	clock = known(clock);
	return REAL(clock_getres)(clock, t);
}

VV_EXPORT int clock_settime(clockid_t clock, const struct timespec *t)
{
	clock = known(clock);
	return REAL(clock_settime)(clock, t);
}

/* ---- sleeping by another's clock ---- */

/* It cannot run faster than time passes: sleep for what is missing, and look again. No oftener than the kernel, which looks
 * at its ticks. One that has ended never gets there, as with the kernel. */
int vv__sleep_by_cpu(struct vv_greenlet *g, int flags, const struct timespec *want, struct timespec *left)
{
	enum { TICK_NS = 4000000 };
	uint64_t id = g->id;
	int64_t target, rest;
	struct timespec t;
	int r = 0;

	if (g == vv__me() || !vv__timeout_valid(want))
		return EINVAL;
	target = vv__nanoseconds(want) + (flags & TIMER_ABSTIME ? 0 : vv__cpu_time(g));
	for (rest = target; r == 0;) {
		if (g->id == id && !ended(g) && (rest = target - vv__cpu_time(g)) <= 0)
			return 0;
		t = vv__timespec_of(rest < TICK_NS ? TICK_NS : rest);
		r = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
	t = vv__timespec_of(rest);
	if (r == EINTR && left && !(flags & TIMER_ABSTIME) && vv__copy_out(left, &t, sizeof t) < 0)
		r = EFAULT;
	return r;
}

/* ---- getrusage ---- */

static struct timeval timeval_of(int64_t ns)
{
	return (struct timeval){ns / 1000000000, ns % 1000000000 / 1000};
}

static int64_t of_timeval(const struct timeval *t)
{
	return t->tv_sec * 1000000000ll + t->tv_usec * 1000;
}

/* How much was spent in the kernel is not known of a greenlet: its share is the process's. Neither part goes back. */
void vv__cpu_share(struct vv_greenlet *g, int64_t *user_ns, int64_t *system_ns)
{
	int64_t all = vv__cpu_time(g), user, system;
	struct rusage process;

	REAL(getrusage)(RUSAGE_SELF, &process);
	user = of_timeval(&process.ru_utime);
	system = of_timeval(&process.ru_stime);
	if (user + system)
		g->user_ns += (double)(all - g->told_ns) * user / (user + system);
	g->told_ns = all;
	*user_ns = g->user_ns;
	*system_ns = all - g->user_ns;
}

static void tell_usage(struct vv_greenlet *g, struct rusage *to)
{
	int64_t user, system;

	vv__cpu_share(g, &user, &system);
	to->ru_utime = timeval_of(user);
	to->ru_stime = timeval_of(system);
}

VV_EXPORT int getrusage(__rusage_who_t who, struct rusage *usage)
{
	struct vv_greenlet *g = vv__me();
	int r = REAL(getrusage)(who, usage);

	if (r == 0 && who == RUSAGE_THREAD && moves(g))
		tell_usage(g, usage);
	return r;
}

/* ---- as syscall() ---- */

long vv__raw_clock_gettime(const long *a)
{
	struct vv_greenlet *g = vv__of_clock(a[0]);

	return g ? tell(g, (void *)a[1]) : vv__syscall(SYS_clock_gettime, a[0], a[1]);
}

long vv__raw_clock_getres(const long *a)
{
	return vv__syscall(SYS_clock_getres, known(a[0]), a[1]);
}

long vv__raw_getrusage(const long *a)
{
	struct vv_greenlet *g = vv__me();
	long r = vv__syscall(SYS_getrusage, a[0], a[1]);

	if (r == 0 && a[0] == RUSAGE_THREAD && moves(g))
		tell_usage(g, (void *)a[1]);
	return r;
}
