/*
 * The monitor: a kernel thread that looks now and then whether one greenlet keeps the hub while others are ready, and
 * if so gives the hub to another carrier. The greenlet keeps its kernel thread and rejoins at its next Vervet call.
 *
 * It looks every REST when the hub ticks along, twice per threshold while it sees or has lately seen a long stretch,
 * and not at all while the hub sleeps: a hub that wakes sets a timer for it, and takes that back before it sleeps long.
 * When main is alone again it ends: the kernel serves a process with one kernel thread faster (it counts no references to
 * its descriptors). The next thread brings it back.
 */
#include "hub.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

enum { REST_NS = 4000000, LONE_NS = 100000000, HEAT = 50, DEEP_AFTER = 16, LOCKS_NS = 1000000000 };
enum {
	ARM_NS = 100000,    /* a hub that wakes more often had better be looked at every REST, */
	BUSY = 4,	    /* and so had one that runs for one part in so many */
	SHORT_NS = 1000000, /* a hub that sleeps no longer leaves the timer armed */
};
enum { STEP_NS = 50000000, STEP_AGAIN_NS = 10000000 };

_Atomic int vv__monitor_deep;
static _Atomic int timer;	/* a timerfd; 0: none */
static _Atomic bool no_timer;	/* none can be had, or used */
static _Atomic bool timed;	/* when deep it waits for the timer, not for the futex */
static _Atomic int64_t expires; /* when it does, if it is armed */
static _Atomic int alarm_clock; /* futex */

/* The hub's: how it sleeps while the monitor does. */
static struct {
	int64_t since;
	int64_t usual; /* average of its last sleeps */
	unsigned times;
	bool expire; /* the timer is to expire */
} naps;

static struct vv_greenlet monitor_self;
static _Atomic bool ended; /* there is no monitor */
static _Atomic bool kept;  /* it must not end */

static struct {
	struct vv_greenlet *greenlet; /* seen at the last look */
	uint64_t ticks;
	int64_t since;	     /* when it was first seen in this stretch */
	int64_t ready_since; /* when another was first seen ready, or 0 */
	int64_t cpu;	     /* CPU time of its kernel thread at ready_since */
	int heat;	     /* looks for which to stay alert */
	int idle_looks;
	int alone_looks;    /* at which main was alone and nobody had run since the look before */
	uint64_t was_alone; /* ticks at the last of them */
	int ends;	    /* how often the monitor has ended */
	uint64_t yields;    /* seen at the last look */
	int64_t in_step;    /* since when there were some between any two looks */
	bool slept;	    /* there was nothing to look at since the last look */
	int64_t counted;    /* when the hub's turns were last counted, */
	uint64_t turns;	    /* how many there had been, */
	int64_t used;	    /* and how much CPU time its kernel thread had used */
	int64_t locks;	    /* when it last looked for deadlocks */
	uint64_t staller;   /* id of the last one reported */
} seen;

static void wake(void)
{
	if (!atomic_exchange(&alarm_clock, 1))
		vv__syscall(SYS_futex, &alarm_clock, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- the timer ---- */

static long set_timer(int64_t ns)
{
	struct itimerspec t = {.it_value.tv_nsec = ns};

	return vv__syscall(SYS_timerfd_settime, atomic_load(&timer), 0, &t, NULL);
}

/* Which way the monitor sleeps may change meanwhile: it has then looked whether the hub is awake, or is woken here. */
void vv__monitor_arm(void)
{
	if (atomic_load(&timed)) {
		atomic_store(&vv__monitor_deep, VV__MONITOR_ARMED);
		atomic_store(&expires, vv__now() + REST_NS);
		set_timer(REST_NS);
	}
	if (!atomic_load(&timed))
		wake();
}

/*
 * Who arms next must find it unarmed only after it is. A hub that sleeps for so short a time that it would only have to arm
 * it again leaves it. Now and then it is let expire: the monitor is to see how often the hub wakes, and how long it works
 * then.
 */
void vv__monitor_hub_sleeps(void)
{
	enum { SOMETIMES = 256 };
	int armed = VV__MONITOR_ARMED;

	naps.since = vv__now();
	naps.expire = naps.expire || ++naps.times % SOMETIMES == 0;
	if (naps.expire || naps.usual < SHORT_NS)
		return;
	set_timer(0);
	atomic_compare_exchange_strong(&vv__monitor_deep, &armed, VV__MONITOR_DEEP);
}

void vv__monitor_hub_wakes(void)
{
	int64_t now = vv__now(), slept = now - naps.since;
	int state = atomic_load(&vv__monitor_deep);

	naps.usual += ((slept < REST_NS ? slept : REST_NS) - naps.usual) / 8;
	if (state == VV__MONITOR_AWAKE)
		return;
	if (state == VV__MONITOR_ARMED && (naps.expire || atomic_load(&expires) - now > REST_NS / 2))
		return;
	naps.expire = false;
	vv__monitor_arm();
}

static void make_timer(void)
{
	long fd;

	if (atomic_load(&timer) || atomic_load(&no_timer))
		return;
	fd = vv__syscall(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (fd >= 0)
		vv__fd_own(vv__hub_fd(fd), &timer);
}

void vv__monitor_without_timer(void)
{
	atomic_store(&no_timer, true);
	if (!atomic_load(&timer))
		return;
	set_timer(1);
	atomic_store(&timed, false);
	vv__fd_disown(&timer);
}

/* ---- looking ---- */

static void nap(int64_t ns)
{
	struct timespec ts = {0, ns};

	vv__syscall(SYS_futex, &alarm_clock, FUTEX_WAIT_PRIVATE, 0, ns ? &ts : NULL);
	atomic_store(&alarm_clock, 0);
}

/* ns 0: however long it takes. */
static void nap_until_timer(int fd, int64_t ns)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec ts = {0, ns};

	vv__syscall(SYS_ppoll, &p, 1, ns ? &ts : NULL, NULL, 8);
}

static bool others_ready(struct vv__hub *h, int64_t now)
{
	struct pollfd p = {.fd = h->poll_fd, .events = POLLIN};
	struct timespec zero = {0, 0};

	return atomic_load(&h->ready) || atomic_load(&h->inbox) || atomic_load(&h->earliest) <= now ||
	       atomic_load(&h->signals) || vv__syscall(SYS_ppoll, &p, 1, &zero, NULL, 8) > 0;
}

static void hand_over(struct vv__hub *h, struct vv_greenlet *g, int64_t now)
{
	struct vv__carrier *c = vv__carrier_take(false);
	struct vv_greenlet *expected = g;

	if (!c && vv__carrier_new())
		while (!(c = vv__carrier_take(false)))
			nap(20000);
	if (!c)
		return;
	vv__clock_handover(h->carrier, g);
	if (!atomic_compare_exchange_strong(&h->running, &expected, NULL)) {
		if (!vv__clocks)
			vv__clock_unknown(h->carrier);
		vv__carrier_put_back(c);
		return;
	}
	g->hog = true;
	g->away = true;
	g->stretch_start = seen.since;
	atomic_fetch_add(&h->away, 1);
	vv__takes_its_own();
	vv__count(handovers);
	if (vv__config.stats && g->carrier)
		vv__note_unhooked(g->carrier->tid);
	if (now - seen.since > atomic_load(&vv__stats.longest_stall_ns))
		atomic_store(&vv__stats.longest_stall_ns, now - seen.since);
	h->carrier = c;
	vv__trace(VV__TRACE_HANDOVER, g->id, 0, c->tid, VV__TRACE_READY);
	vv__carrier_give(c, VV__JOB_HUB);
}

/* Is the carrier's kernel thread on a CPU or waiting for one (and not asleep in a system call)? */
static bool runnable(struct vv__carrier *c)
{
	char text[128];
	int fd = atomic_load(&c->stat);
	long n = fd ? vv__syscall(SYS_pread64, fd, text, sizeof text, 0) : 0, i;

	for (i = n - 1; i > 0 && text[i] != ')'; i--)
		;
	return i > 0 && i + 2 < n && text[i + 2] == 'R';
}

/* On a busy machine a greenlet may have held the hub for long without having run: its kernel thread waits for a CPU, and
 * another carrier would wait behind it. What counts is CPU time used, or sleep inside a system call. */
static bool is_starved(struct vv_greenlet *g)
{
	struct vv__carrier *c = g->carrier;
	int64_t cpu = vv__kernel_cpu_time(c ? c->tid : 0);

	return c && cpu >= 0 && seen.cpu >= 0 && cpu - seen.cpu < vv__config.handover_ns * 3 / 4 &&
	       runnable(c);
}

/* One of the API's own keeps the hub: it is never handed over, but said, once in a stretch. */
static void look_at_stall(struct vv_greenlet *g, int64_t now)
{
	if (!g->cooperative || !vv__config.stall_ns || now - seen.since < vv__config.stall_ns ||
	    seen.staller == g->id)
		return;
	seen.staller = g->id;
	vv__report_stall(g, now - seen.since);
}

/*
 * Greenlets that try, yield and try again can keep in step for ever: one that was woken runs whenever another yields, and
 * finds every time what the other holds while it yields. (GHC's garbage collectors spin and yield while they hold what a
 * woken thread wants.) Kernel threads do not keep in step. So while there are yields at every look, the hub is now and then
 * handed over, wherever the one that runs may be.
 */
static void look_for_step(struct vv__hub *h, struct vv_greenlet *g, int64_t now)
{
	uint64_t yields = atomic_load(&h->yields);

	if (yields == seen.yields)
		seen.in_step = now;
	seen.yields = yields;
	if (now - seen.in_step < STEP_NS || !g || g->cooperative || atomic_load(&vv__live) <= 1 ||
	    !others_ready(h, now))
		return;
	seen.in_step = now - STEP_NS + STEP_AGAIN_NS;
	seen.since = now;
	hand_over(h, g, now);
}

static void look(struct vv__hub *h)
{
	struct vv_greenlet *g = atomic_load(&h->running);
	uint64_t ticks = atomic_load(&h->ticks);
	int64_t now = vv__now();

	vv__clock_sample(h, g, seen.slept);
	vv__lend_look(h, g, now);
	seen.slept = false;
	if (!g || g != seen.greenlet || ticks != seen.ticks) {
		seen.greenlet = g;
		seen.ticks = ticks;
		seen.since = now;
		seen.ready_since = 0;
		look_for_step(h, g, now);
		return;
	}
	if (g->cooperative || atomic_load(&vv__live) <= 1) {
		look_at_stall(g, now);
		return;
	}
	seen.heat = seen.heat > 4 ? seen.heat : 4;
	if (others_ready(h, now)) {
		if (!seen.ready_since) {
			seen.ready_since = now;
			seen.cpu = vv__kernel_cpu_time(g->carrier ? g->carrier->tid : 0);
		} else if (now - seen.ready_since >= vv__config.handover_ns && !is_starved(g)) {
			hand_over(h, g, now);
			seen.heat = HEAT;
		}
	} else if (now - seen.since > LONE_NS) {
		seen.heat = HEAT;
		hand_over(h, g, now); /* nobody waits: but now the hub can sleep, and so can we */
	}
}

static bool hub_is_idle(struct vv__hub *h)
{
	return atomic_load(&h->sleeping) || (atomic_load(&h->running) && atomic_load(&vv__live) <= 1);
}

/*
 * Has main been alone for so long that the monitor may end? Twice as long each time: who starts a thread now and then should
 * not start a monitor with each.
 */
static bool main_is_alone(struct vv__hub *h)
{
	bool alone = atomic_load(&vv__live) <= 1 && atomic_load(&h->running) == vv__main_greenlet();
	uint64_t ticks = atomic_load(&h->ticks);

	seen.alone_looks = alone && ticks == seen.was_alone ? seen.alone_looks + 1 : 0;
	seen.was_alone = ticks;
	return seen.alone_looks >= 1 << seen.ends && 1 << seen.ends < DEEP_AFTER && !atomic_load(&kept);
}

/* Who makes a greenlet counts it in vv__live and then looks at `ended`; here it is the other way round. False: not now. */
static bool retire(void)
{
	bool expected = true;

	seen.ends++;
	seen.alone_looks = 0;
	seen.slept = true;
	atomic_store(&ended, true);
	return (atomic_load(&vv__live) <= 1 && !atomic_load(&kept)) ||
	       !atomic_compare_exchange_strong(&ended, &expected, false);
}

/* True if there may be a deadlock to look for later. */
static bool look_at_locks(void)
{
	int64_t now = vv__now();

	if (now - seen.locks < LOCKS_NS)
		return true;
	seen.locks = now;
	return vv__report_deadlocks();
}

static void sleep_deep(struct vv__hub *h)
{
	int64_t longest = look_at_locks() ? LOCKS_NS - 1 : 0;
	int fd = vv__lend_watches() ? 0 : atomic_load(&timer);

	if (fd)
		set_timer(0); /* it may have expired */
	atomic_store(&timed, fd);
	atomic_store(&vv__monitor_deep, VV__MONITOR_DEEP);
	if (hub_is_idle(h) && fd) {
		nap_until_timer(fd, longest);
		/* what runs has perhaps run since the timer was armed */
		seen.heat = seen.heat > 4 ? seen.heat : 4;
	} else if (hub_is_idle(h)) {
		seen.slept = true;
		nap(longest);
	}
	atomic_store(&vv__monitor_deep, VV__MONITOR_AWAKE);
	seen.idle_looks = 0;
}

/*
 * Does the hub wake so seldom, and work so little then, that to arm the timer each time costs less than to look all the
 * time? Without a timer the monitor itself is woken each time.
 */
static bool wakes_seldom(struct vv__hub *h)
{
	int64_t now = vv__now(), cpu = vv__kernel_cpu_time(h->carrier->tid);
	int64_t passed = now - seen.counted, used = cpu - seen.used;
	uint64_t turns = atomic_load(&h->ticks), took = turns - seen.turns;

	seen.counted = now;
	seen.used = cpu;
	seen.turns = turns;
	return atomic_load(&vv__live) > 1 && !vv__lend_watches() && passed / BUSY >= used &&
	       passed >= (int64_t)took * (atomic_load(&timer) ? ARM_NS : REST_NS);
}

static void rest(struct vv__hub *h)
{
	bool seldom = wakes_seldom(h);

	if (!hub_is_idle(h)) {
		seen.idle_looks = 0;
		if (seen.heat)
			seen.heat--;
		look_at_locks();
		nap(seen.heat ? vv__config.handover_ns / 2 + 1 : REST_NS);
	} else if (++seen.idle_looks < DEEP_AFTER && !seldom) {
		nap(REST_NS);
	} else {
		sleep_deep(h);
	}
}

static void *monitor(void *unused)
{
	monitor_self = (struct vv_greenlet){
	    .is_hub = true, .native = 1, .inside = 1, .hub = &vv__hub, .cancel = vv__hub.self.cancel};
	vv__self = &monitor_self;
	do {
		rest(&vv__hub);
		look(&vv__hub);
	} while (!main_is_alone(&vv__hub) || !retire());
	return NULL;
}

/* If it cannot be started now, the next one who needs it tries again. */
void vv__monitor_start(void)
{
	if (!vv__config.handover_ns)
		return;
	make_timer();
	if (vv__thread_start(monitor, NULL) < 0)
		atomic_store(&ended, true);
}

void vv__monitor_need(void)
{
	int saved = errno;

	if (vv__unlikely(atomic_load(&ended)) && atomic_exchange(&ended, false))
		vv__monitor_start();
	errno = saved;
}

void vv__monitor_keep(void)
{
	atomic_store(&kept, true);
	vv__monitor_need();
}

void vv__monitor_forget(void)
{
	atomic_store(&ended, false);
	atomic_store(&kept, false);
	memset(&seen, 0, sizeof seen);
	memset(&naps, 0, sizeof naps);
	vv__lend_forget();
	atomic_store(&timer, 0);
	atomic_store(&timed, false);
	atomic_store(&vv__monitor_deep, VV__MONITOR_AWAKE);
	atomic_store(&alarm_clock, 0);
}
