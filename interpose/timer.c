/*
 * POSIX timers that signal one thread (SIGEV_THREAD_ID): a greenlet's id means nothing to the kernel, so the timer
 * signals the process, and its signals are routed by the timer's id. All other timers are the kernel's and libc's.
 */
#include "../core/slice.h"
#include "interpose.h"
#include "signal.h"

enum { TIMERS = 256 };

static struct {
	_Atomic(struct vv_greenlet *) g; /* null: free */
	uint64_t id;
	int timer;
} routes[TIMERS];
static _Atomic int routed;
static _Atomic bool slice_alarms;

struct vv_greenlet *vv__timer_owner(int timer)
{
	if (!atomic_load(&routed))
		return NULL;
	for (int i = 0; i < TIMERS; i++) {
		struct vv_greenlet *g = atomic_load(&routes[i].g);

		if (g && routes[i].timer == timer)
			return g->id == routes[i].id ? g : NULL;
	}
	return NULL;
}

static bool route(timer_t timer, struct vv_greenlet *g)
{
	for (int i = 0; i < TIMERS; i++) {
		struct vv_greenlet *none = NULL;

		if (!atomic_compare_exchange_strong(&routes[i].g, &none, g))
			continue;
		routes[i].id = g->id;
		routes[i].timer = (int)(intptr_t)timer; /* glibc: the kernel's own id, unless SIGEV_THREAD */
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
	if (!g || g->foreign)
		return REAL(timer_create)(clock, event, timer);
	copy = *event;
	copy.sigev_notify = SIGEV_SIGNAL;
	r = REAL(timer_create)(clock, &copy, timer);
	if (r == 0 && !route(*timer, g)) {
		REAL(timer_delete)(*timer);
		return vv__errno_return(-EAGAIN);
	}
	return r;
}

VV_EXPORT int timer_delete(timer_t timer)
{
	int r;

	vv__me();
	r = REAL(timer_delete)(timer);
	for (int i = 0; r == 0 && i < TIMERS && atomic_load(&routed); i++)
		if (atomic_load(&routes[i].g) && routes[i].timer == (int)(intptr_t)timer) {
			atomic_store(&routes[i].g, NULL);
			atomic_fetch_sub(&routed, 1);
			break;
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
