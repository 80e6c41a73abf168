/*
 * POSIX timers that signal one thread (SIGEV_THREAD_ID): a greenlet's id means nothing to the kernel. Such a timer sends
 * the process SIGCANCEL, which no kernel thread blocks and which has no default action to fear; its handler looks up
 * by the timer's id what the program wanted, and sends that to the greenlet. All other timers are the kernel's and libc's.
 */
#include "../core/slice.h"
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
static _Atomic bool slice_alarms;

static struct route *find(int timer)
{
	for (int i = 0; i < TIMERS && atomic_load(&routed); i++)
		if (atomic_load(&routes[i].g) && routes[i].timer == timer)
			return &routes[i];
	return NULL;
}

void vv__timer_expired(const siginfo_t *info)
{
	struct route *r = find(info->si_timerid);
	struct vv_greenlet *me = vv__self, *g = r ? atomic_load(&r->g) : NULL;
	siginfo_t copy = *info;

	if (!g || g->id != r->id)
		return;
	copy.si_signo = r->sig;
	copy.si_value = r->value;
	if (atomic_exchange(&r->kept, true)) {
		atomic_fetch_add(&r->overrun, 1 + info->si_overrun);
		return;
	}
	atomic_store(&r->overrun, info->si_overrun);
	if (vv__keep(r->sig, &copy, g, true) < 0)
		atomic_store(&r->kept, false);
	else if (me && !me->is_hub && !me->inside && !(g->mask & vv__bit(r->sig)))
		g == me ? vv__run_handlers(g) : vv__prod(g);
	else
		vv__hub_signal();
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
		return REAL(timer_create)(clock, event, timer);
	vv__install_cancel_handler();
	copy = *event;
	copy.sigev_notify = SIGEV_SIGNAL;
	copy.sigev_signo = VV__SIGCANCEL;
	r = REAL(timer_create)(clock, &copy, timer);
	if (r == 0 && !route(*timer, g, event)) {
		REAL(timer_delete)(*timer);
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
	struct route *route;
	int r;

	vv__me();
	r = REAL(timer_delete)(timer);
	route = r == 0 ? find((int)(intptr_t)timer) : NULL;
	if (route) {
		atomic_store(&route->g, NULL);
		atomic_fetch_sub(&routed, 1);
	}
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
