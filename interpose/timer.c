/*
 * POSIX timers that signal one thread (SIGEV_THREAD_ID): a greenlet's id means nothing to the kernel. Such a timer sends
 * the process SIGCANCEL, which no kernel thread blocks and which has no default action to fear; its handler looks up
 * by the timer's id what the program wanted, and sends that to the greenlet.
 *
 * Timers on the CPU clock of a greenlet are the kernel's, too: it gets a kernel thread of its own, whose clock runs with the
 * greenlet's but began elsewhere. All other timers are the kernel's and libc's.
 */
#include "../core/slice.h"
#include "cpuclock.h"
#include "interpose.h"
#include "signal.h"

enum { TIMERS = 256 };

static struct route {
	_Atomic(struct vv_greenlet *) g; /* null: free */
	uint64_t id;
	int timer, sig;
	union sigval value;
	_Atomic bool kept;   /* its signal is on its way */
	_Atomic int overrun; /* how often it has expired meanwhile */
	_Atomic int last;    /* the same for the signal that was taken last */
} routes[TIMERS];
static _Atomic int routed;

/* Timers on CPU clocks. */
static struct by_cpu {
	_Atomic int taken;
	int timer;
	int64_t ahead; /* the greenlet's clock of its kernel thread's */
} by_cpu[TIMERS];
static _Atomic int by_cpu_n;
static _Atomic bool slice_alarms;

static struct route *find(int timer)
{
	for (int i = 0; i < TIMERS && atomic_load(&routed); i++)
		if (atomic_load(&routes[i].g) && routes[i].timer == timer)
			return &routes[i];
	return NULL;
}

/* Handlers that run here for me, in the middle of my call; what ran before them is still told to whoever waits. */
static bool run_handlers_here(struct vv_greenlet *me)
{
	uint8_t before = me->handled, ran;

	me->handled = 0;
	vv__run_handlers(me);
	ran = me->handled;
	me->handled |= before;
	return ran & VV__HANDLED_INTERRUPT;
}

bool vv__timer_expired(const siginfo_t *info)
{
	struct route *r = find(info->si_timerid);
	struct vv_greenlet *me = vv__self, *g = r ? atomic_load(&r->g) : NULL;
	siginfo_t copy = *info;

	if (!g || g->id != r->id)
		return false;
	copy.si_signo = r->sig;
	copy.si_value = r->value;
	if (atomic_exchange(&r->kept, true)) {
		atomic_fetch_add(&r->overrun, 1 + info->si_overrun);
		return false;
	}
	atomic_store(&r->overrun, info->si_overrun);
	if (vv__keep(r->sig, &copy, g, true) < 0)
		atomic_store(&r->kept, false);
	else if (!me || me->is_hub || me->inside || g->mask & vv__bit(r->sig))
		vv__hub_signal();
	else if (g == me)
		return run_handlers_here(me);
	else
		vv__prod(g);
	return false;
}

void vv__timer_taken(siginfo_t *info)
{
	struct route *r = find(info->si_timerid);

	if (!r || !atomic_load(&r->kept))
		return;
	atomic_store(&r->last, atomic_load(&r->overrun));
	info->si_overrun = atomic_load(&r->last);
	atomic_store(&r->kept, false);
}

/* ---- CPU clocks ---- */

/* The kernel's number for the clock of g's own kernel thread, 0 if it has none. Another that waits cannot be given one. */
static clockid_t own_clock(struct vv_greenlet *g)
{
	if (g == vv__me()) {
		if (!g->pinned)
			vv__pin();
		return CLOCK_THREAD_CPUTIME_ID;
	}
	return g->pinned ? vv__clock_number(vv__carrier_tid(g)) : 0;
}

static struct by_cpu *find_by_cpu(timer_t timer)
{
	intptr_t id = (intptr_t)timer;

	for (int i = 0; i < TIMERS && atomic_load(&by_cpu_n); i++)
		if (atomic_load(&by_cpu[i].taken) && by_cpu[i].timer == id)
			return &by_cpu[i];
	return NULL;
}

/* Without room for it, absolute times are wrong. */
static void note_by_cpu(timer_t timer, int64_t ahead)
{
	for (int i = 0; i < TIMERS; i++) {
		int none = 0;

		if (!atomic_compare_exchange_strong(&by_cpu[i].taken, &none, 1))
			continue;
		by_cpu[i].timer = (int)(intptr_t)timer;
		by_cpu[i].ahead = ahead;
		atomic_fetch_add(&by_cpu_n, 1);
		return;
	}
}

static int create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	struct vv_greenlet *g = vv__of_clock(clock);
	int64_t ahead;
	int r;

	if (!g)
		return REAL(timer_create)(clock, event, timer);
	clock = own_clock(g);
	if (!clock)
		return vv__errno_return(-ENOTSUP);
	ahead = vv__cpu_time(g) - vv__kernel_cpu_time(vv__carrier_tid(g));
	r = REAL(timer_create)(clock, event, timer);
	if (r == 0)
		note_by_cpu(*timer, ahead);
	return r;
}

VV_EXPORT int timer_settime(
    timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *before)
{
	struct itimerspec moved;
	struct by_cpu *t;
	int64_t ns;

	vv__me();
	t = find_by_cpu(timer);
	if (!t || !(flags & TIMER_ABSTIME) || !value || !vv__timeout_valid(&value->it_value))
		return REAL(timer_settime)(timer, flags, value, before);
	moved = *value;
	ns = vv__nanoseconds(&value->it_value);
	if (ns) /* 0 would stop it */
		moved.it_value = vv__timespec_of(ns > t->ahead ? ns - t->ahead : 1);
	return REAL(timer_settime)(timer, flags, &moved, before);
}

/* ---- */

/* glibc's timer is the kernel's id, unless it is one with SIGEV_THREAD. */
static bool route(timer_t timer, struct vv_greenlet *g, const struct sigevent *event)
{
	for (int i = 0; i < TIMERS; i++) {
		struct vv_greenlet *none = NULL;

		if (!atomic_compare_exchange_strong(&routes[i].g, &none, g))
			continue;
		routes[i].id = g->id;
		routes[i].timer = (int)(intptr_t)timer;
		routes[i].sig = event->sigev_signo;
		routes[i].value = event->sigev_value;
		routes[i].kept = false;
		routes[i].last = 0;
		atomic_fetch_add(&routed, 1);
		return true;
	}
	return false;
}

VV_EXPORT int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	struct vv_greenlet *me = vv__me(), *g = NULL;
	struct sigevent copy;
	int r;

	if (event && event->sigev_notify == SIGEV_THREAD_ID && !me->is_hub)
		g = vv__of_tid(event->_sigev_un._tid);
	if (!g || g->foreign || event->sigev_signo < 1 || event->sigev_signo > VV__SIGNALS)
		return create(clock, event, timer);
	vv__install_cancel_handler();
	copy = *event;
	copy.sigev_notify = SIGEV_SIGNAL;
	copy.sigev_signo = VV__SIGCANCEL;
	r = create(clock, &copy, timer);
	if (r == 0 && !route(*timer, g, event)) {
		timer_delete(*timer);
		return vv__errno_return(-EAGAIN);
	}
	return r;
}

VV_EXPORT int timer_getoverrun(timer_t timer)
{
	struct route *route;

	vv__me();
	route = find((int)(intptr_t)timer);
	return route ? atomic_load(&route->last) : REAL(timer_getoverrun)(timer);
}

VV_EXPORT int timer_delete(timer_t timer)
{
	struct by_cpu *clocked;
	struct route *route;
	int r;

	vv__me();
	r = REAL(timer_delete)(timer);
	clocked = r == 0 ? find_by_cpu(timer) : NULL;
	if (clocked) {
		atomic_store(&clocked->taken, 0);
		atomic_fetch_sub(&by_cpu_n, 1);
	}
	route = r == 0 ? find((int)(intptr_t)timer) : NULL;
	if (route) {
		atomic_store(&route->g, NULL);
		atomic_fetch_sub(&routed, 1);
	}
	return r;
}

/* The system call's numbers are libc's timers, but for those for which libc makes a thread. */
long vv__raw_timer_create(const long *a)
{
	struct sigevent event;
	timer_t timer;
	int id, r;

	if (!a[1] || vv__copy_in(&event, (void *)a[1], sizeof event) < 0 || event.sigev_notify == SIGEV_THREAD)
		return vv__syscall(SYS_timer_create, a[0], a[1], a[2]);
	if (timer_create(a[0], &event, &timer) < 0)
		return -errno;
	id = (int)(intptr_t)timer;
	r = vv__copy_out((void *)a[2], &id, sizeof id);
	if (r < 0)
		timer_delete(timer);
	return r;
}

/*
 * The process has one alarm, but each connection that is fanned out wants its own: a slice's is a timer of the kernel's,
 * whose signals bear the slice's record.
 */
struct vv_greenlet *vv__alarm_owner(int sig, const siginfo_t *info)
{
	struct vv_greenlet *g = info->si_value.sival_ptr;

	if (sig != SIGALRM || !atomic_load_explicit(&slice_alarms, memory_order_relaxed) || !g || !g->slice)
		return NULL;
	return g->slice->has_alarm && g->slice->alarm == info->si_timerid ? g : NULL;
}

static bool make_alarm(struct vv_greenlet *g)
{
	struct sigevent event = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value = {.sival_ptr = g}};

	if (!g->slice->has_alarm)
		g->slice->has_alarm =
		    vv__syscall(SYS_timer_create, CLOCK_REALTIME, &event, &g->slice->alarm) == 0;
	atomic_store(&slice_alarms, true);
	return g->slice->has_alarm;
}

VV_EXPORT unsigned alarm(unsigned seconds)
{
	struct vv_greenlet *g = vv__me();
	struct itimerspec next = {.it_value.tv_sec = seconds}, left;

	if (!g->slice || !make_alarm(g) || vv__syscall(SYS_timer_settime, g->slice->alarm, 0, &next, &left))
		return REAL(alarm)(seconds);
	/* As the kernel's alarm: rounded, but never to none. */
	return left.it_value.tv_sec +
	       (left.it_value.tv_nsec >= 500000000 || (!left.it_value.tv_sec && left.it_value.tv_nsec));
}
