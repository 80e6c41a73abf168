/*
 * One hub is one core. Threads that share it are the cheaper for it as long as one core is enough; but where it has been
 * busy all the time while others idle, and its threads run for some time between two waits, a plain run gets more done.
 * There the monitor lends some of them to carriers of their own, as many as the idle cores could take, and the rest if that
 * is not enough: at its next call that may block a greenlet hops and does not come back (vv__relocate). It is a plain thread
 * then, whose calls are the real ones.
 *
 * Whether that pays is not foreseen but tried: if the process does not use so much more CPU time then (an interpreter's
 * lock, threads that take turns), they are called back, and the next attempt waits twice as long as the last. What has
 * been lent is also called back when all together would long have fitted on one core. Where threads are born and end all
 * the time, a part of the newborn is lent instead.
 *
 * A greenlet that never waits needs none of this: it is handed over.
 */
#include "hub.h"
#include "trace.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum {
	WINDOW_NS = 50000000,
	TRIAL_NS = 100000000,
	LOOK_NS = 10000000,  /* what a look can tell of */
	STRETCH_NS = 7000,   /* on average */
	AWAKE_PERCENT = 90,  /* of the time */
	HANDOVERS = 4,	     /* in a window: many */
	IDLE_PERCENT = 30,   /* of a core, that others leave free */
	GAIN_PERCENT = 45,   /* of what was idle a trial must use: a lock for all lets it use a third */
	LITTLE_PERCENT = 70, /* of a core, that all use: one is enough for them */
	LITTLE_WINDOWS = 20,
	MANY_BIRTHS = 200, /* a second */
	LOANS = 1024,
	CROWD = 16384,
	WHOLE = 256,
	RECHECK_NS = 1000000000,
};
static const int64_t first_pause = 250000000, longest_pause = 64000000000;

enum phase { WATCH, CHOOSE, SETTLE, TRY };

/* What the process and the machine had done at some time. */
struct reading {
	int64_t when, cpu;	   /* CPU time of the process */
	int64_t idle;		   /* of the cores it may use, in ticks of 1/100 s; -1: unknown */
	uint64_t turns, handovers; /* of the hub */
	uint64_t born;		   /* greenlets, */
	int64_t live;		   /* and how many there are */
};

static struct {
	enum phase phase;
	bool measures; /* the window began with a reading */
	struct reading begin;
	int64_t looked;	  /* when the last look was */
	int64_t awake;	  /* time in this window that the hub was not asleep */
	int64_t wanted;	  /* percent of a core that the process must use for the trial to have paid */
	int on_trial;	  /* how many were lent last */
	int64_t births;	  /* a second, before the trial */
	int share_before; /* the share of the newborn before the trial */
	int64_t not_before, pause;
	int64_t one_core; /* until then: it may use no more anyway */
	int little;	  /* windows in a row */
	unsigned seed;	  /* VV__LEND_ALWAYS */
	struct {
		struct vv_greenlet *g;
		uint64_t id;
	} loan[LOANS];
	int loans;
} l;

static _Atomic int stat_fd; /* /proc/stat */

_Atomic int vv__lend_share; /* how many of WHOLE newborn greenlets are lent */

/* ---- what the machine does ---- */

static const char *number(const char *p, int64_t *n)
{
	while (*p == ' ')
		p++;
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + (*p - '0');
	return p;
}

/* The line "cpuN user nice system idle iowait ..." at p; adds to *idle if N is in the set. */
static void add_core(const char *p, const cpu_set_t *set, int64_t *idle)
{
	int64_t core, n, wait;

	p = number(p + 3, &core);
	for (int i = 0; i < 3; i++)
		p = number(p, &n);
	p = number(p, &n);
	number(p, &wait);
	if (core < CPU_SETSIZE && CPU_ISSET(core, set))
		*idle += n + wait;
}

/* Before the program's first thread: later, a number that comes and goes would be seen. */
void vv__lend_start(void)
{
	long fd;

	if (!vv__config.handover_ns || vv__config.lend != VV__LEND_AUTO || atomic_load(&stat_fd))
		return;
	fd = vv__syscall(SYS_openat, AT_FDCWD, "/proc/stat", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		vv__fd_own(vv__hub_fd(fd), &stat_fd);
}

/* Idle time of the cores in set, or -1. */
static int64_t idle_time(const cpu_set_t *set)
{
	static char text[CPU_SETSIZE * 64]; /* only the monitor is here */
	int fd = atomic_load(&stat_fd);
	int64_t idle = 0;
	long n;

	n = fd ? vv__syscall(SYS_pread64, fd, text, sizeof text - 1, 0) : -1;
	if (n <= 0)
		return -1;
	text[n] = 0;
	for (const char *p = strchr(text, '\n'); p && !strncmp(p + 1, "cpu", 3); p = strchr(p + 1, '\n'))
		add_core(p + 1, set, &idle);
	return idle;
}

/* All but time and hand-overs. */
static bool read_rest(struct reading *r, struct vv__hub *h)
{
	struct timespec cpu;
	cpu_set_t set;

	memset(&set, 0, sizeof set);
	if (r->when < l.one_core || vv__syscall(SYS_sched_getaffinity, 0, sizeof set, &set) < 0)
		return false;
	if (CPU_COUNT(&set) < 2) {
		l.one_core = r->when + RECHECK_NS;
		return false;
	}
	vv__syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &cpu);
	r->cpu = cpu.tv_sec * 1000000000ll + cpu.tv_nsec;
	r->idle = idle_time(&set);
	r->turns = atomic_load(&h->ticks);
	r->born = atomic_load(&vv__stats.created);
	r->live = atomic_load(&vv__live);
	return r->idle >= 0;
}

/* ---- loans ---- */

static void ask(struct vv_greenlet *g, uint64_t id, uint8_t what)
{
	if (g->id == id)
		atomic_store(&g->asked, what);
}

static void lend(struct vv_greenlet *g)
{
	l.loan[l.loans].g = g;
	l.loan[l.loans++].id = g->id;
	ask(g, g->id, VV__GO);
}

static void call_back(int n)
{
	for (; n > 0 && l.loans; n--) {
		l.loans--;
		ask(l.loan[l.loans].g, l.loan[l.loans].id, VV__COME_BACK);
	}
}

/* Newborn that were lent are on no list. */
static int call_newborn_back(struct vv_greenlet *g, void *unused)
{
	if (g->lent_at_birth && g->lent)
		atomic_store(&g->asked, VV__COME_BACK);
	return 0;
}

static void lower_share(int share)
{
	if (atomic_exchange(&vv__lend_share, share) > share)
		vv__each(call_newborn_back, NULL);
}

static void forget_ended(void)
{
	int kept = 0;

	for (int i = 0; i < l.loans; i++)
		if (l.loan[i].g->id == l.loan[i].id && atomic_load(&l.loan[i].g->state) != VV__DONE)
			l.loan[kept++] = l.loan[i];
	l.loans = kept;
}

static bool any_lent(void)
{
	return l.loans || atomic_load(&vv__lend_share);
}

static bool lendable(struct vv_greenlet *g)
{
	return g && !g->cooperative && !g->slice && !g->native && !g->lent && l.loans < LOANS;
}

/* ---- judging a window ---- */

static void rest(int64_t now)
{
	l.phase = WATCH;
	l.pause = l.pause ? l.pause * 2 : first_pause;
	if (l.pause > longest_pause)
		l.pause = longest_pause;
	l.not_before = now + l.pause;
}

/* From a to b, in percent of a core. */
static int64_t used(const struct reading *a, const struct reading *b)
{
	return (b->cpu - a->cpu) * 100 / (b->when - a->when);
}

static int64_t idled(const struct reading *a, const struct reading *b)
{
	return (b->idle - a->idle) * 10000000 * 100 / (b->when - a->when);
}

/* The hub has hardly slept. */
static bool is_awake(const struct reading *a, const struct reading *b)
{
	return l.awake * 100 >= (b->when - a->when) * AWAKE_PERCENT;
}

/* That, or many hand-overs: each had somebody wait for the threshold's time. */
static bool is_busy(const struct reading *a, const struct reading *b)
{
	return is_awake(a, b) || b->handovers - a->handovers >= HANDOVERS;
}

/*
 * Threads that become more and more will wait: whoever is lent keeps a kernel thread meanwhile. Threads that come and go
 * leave as many as there were. Of very many each gets little to do, and looking at all of them takes long.
 */
static bool is_crowd(const struct reading *a, const struct reading *b)
{
	return b->live > CROWD || (b->live - a->live) * 4 > (int64_t)(b->born - a->born);
}

static bool is_full(const struct reading *a, const struct reading *b)
{
	uint64_t turns = b->turns - a->turns;

	return is_busy(a, b) && turns && (b->when - a->when) / (int64_t)turns >= STRETCH_NS &&
	       idled(a, b) >= IDLE_PERCENT && b->live > 1 && !is_crowd(a, b);
}

static int note_turns(struct vv_greenlet *g, void *unused)
{
	g->lend_turns = g->switches;
	return 0;
}

/* Has run since its turns were noted. */
static bool is_active(struct vv_greenlet *g)
{
	return lendable(g) && g->asked == VV__STAY && (uint32_t)g->switches != g->lend_turns;
}

static int count_active(struct vv_greenlet *g, void *n)
{
	*(int *)n += is_active(g);
	return 0;
}

static int lend_active(struct vv_greenlet *g, void *n)
{
	if (is_active(g)) {
		lend(g);
		--*(int *)n;
	}
	return *(int *)n <= 0;
}

/* On trial as many of n as give the idle cores what the hub keeps. If that has paid and the hub is full still, the rest
 * follow: to the kernel the hub is one thread among the lent ones, and a wake-up across costs more than on either side. */
static int part_of(int n, int64_t idle)
{
	return any_lent() ? n : n * idle / (100 + idle);
}

/* Greenlets born a second. */
static int64_t births(const struct reading *a, const struct reading *b)
{
	return (b->born - a->born) * 1000000000 / (b->when - a->when);
}

static void lend_some(const struct reading *a, const struct reading *b)
{
	int64_t idle = idled(a, b);
	int active = 0, share = atomic_load(&vv__lend_share), n;

	vv__each(count_active, &active);
	if (b->born - a->born > (uint64_t)active) {
		atomic_store(&vv__lend_share, share + (WHOLE - share) / 2);
	} else {
		n = part_of(active, idle);
		vv__each(lend_active, &n);
	}
}

static bool choose(const struct reading *a, const struct reading *b)
{
	int64_t idle = idled(a, b);
	int before = l.loans;

	if (!is_full(a, b))
		return false;
	l.wanted = used(a, b) + (idle < 100 ? idle : 100) * GAIN_PERCENT / 100;
	l.births = births(a, b);
	l.share_before = atomic_load(&vv__lend_share);
	lend_some(a, b);
	l.on_trial = l.loans - before;
	return l.on_trial || atomic_load(&vv__lend_share) != l.share_before;
}

static void watch(const struct reading *a, const struct reading *b)
{
	if (is_crowd(a, b))
		lower_share(0);
	else if (any_lent() && is_awake(a, b))
		lend_some(a, b);
	else if (b->when >= l.not_before && is_full(a, b))
		l.phase = CHOOSE;
	if (any_lent() || l.phase == CHOOSE)
		vv__each(note_turns, NULL);
}

/* With a thread for each request, births tell how much gets done: threads that fight for an interpreter's lock use more CPU
 * time, and no more are born. */
static bool has_paid(const struct reading *a, const struct reading *b)
{
	return used(a, b) >= l.wanted && (l.births < MANY_BIRTHS || births(a, b) * 10 >= l.births * 11);
}

static void judge(const struct reading *a, const struct reading *b)
{
	switch (l.phase) {
	case WATCH:
		watch(a, b);
		break;
	case CHOOSE:
		l.phase = choose(a, b) ? SETTLE : WATCH;
		break;
	case SETTLE:
		l.phase = TRY;
		break;
	case TRY:
		if (has_paid(a, b)) {
			l.phase = WATCH;
			l.pause = 0;
		} else {
			call_back(l.on_trial);
			lower_share(l.share_before);
			rest(b->when);
		}
	}
	l.little = used(a, b) < LITTLE_PERCENT ? l.little + 1 : 0;
	if (l.little >= LITTLE_WINDOWS && l.phase == WATCH) {
		call_back((l.loans + 1) / 2);
		lower_share(atomic_load(&vv__lend_share) / 2);
		l.little = 0;
	}
}

/* Readings are taken only while there is something to judge: else a window costs nothing. */
static void close_window(struct vv__hub *h, int64_t now)
{
	struct reading end = {.when = now, .handovers = atomic_load(&vv__stats.handovers)};

	forget_ended();
	if (!is_busy(&l.begin, &end) && !any_lent() && l.phase != SETTLE && l.phase != TRY) {
		l.measures = false;
		l.phase = WATCH;
		l.begin.handovers = end.handovers;
	} else if (!read_rest(&end, h)) {
		l.measures = false;
	} else {
		if (l.measures)
			judge(&l.begin, &end);
		l.begin = end;
		l.measures = true;
	}
	l.begin.when = now;
	l.awake = 0;
}

/* Whoever runs is lent or called back at random. */
static void shuffle(struct vv_greenlet *g)
{
	l.seed = l.seed * 1103515245 + 12345;
	if (l.loans && l.seed >> 16 & 1)
		call_back(1);
	else if (lendable(g))
		lend(g);
	forget_ended();
}

void vv__lend_look(struct vv__hub *h, struct vv_greenlet *g, int64_t now)
{
	int64_t passed = now - l.looked;

	l.looked = now;
	if (vv__config.lend == VV__LEND_NEVER)
		return;
	if (vv__config.lend == VV__LEND_ALWAYS) {
		shuffle(g);
		return;
	}
	if (!atomic_load(&h->sleeping))
		l.awake += passed < LOOK_NS ? passed : LOOK_NS;
	if (now - l.begin.when >= (l.phase == TRY ? TRIAL_NS : WINDOW_NS))
		close_window(h, now);
}

bool vv__lend_watches(void)
{
	return l.phase != WATCH || any_lent() || vv__config.lend == VV__LEND_ALWAYS;
}

void vv__lend_forget(void)
{
	memset(&l, 0, sizeof l);
	atomic_store(&vv__lend_share, 0);
	atomic_store(&stat_fd, 0);
}

/* ---- the greenlet's side ---- */

void vv__lend_newborn(struct vv_greenlet *g)
{
	static _Atomic unsigned sum;
	unsigned share = atomic_load(&vv__lend_share);

	if (atomic_load(&vv__hub.away) < LOANS && atomic_fetch_add(&sum, share) % WHOLE + share >= WHOLE) {
		g->lent_at_birth = true;
		atomic_store(&g->asked, VV__GO);
	}
}

static void go(struct vv_greenlet *g)
{
	if (g->native || g->wait || g->slice || g->cooperative || vv__on_alt_stack(g) ||
	    vv__carrier_reserve() < 0)
		return;
	vv__move(g);
	g->hop_frame = UINTPTR_MAX; /* no jump ends it */
	g->lent = true;
	vv__count(lent);
}

void vv__relocate(struct vv_greenlet *g)
{
	uint8_t asked = atomic_exchange(&g->asked, VV__STAY);

	if (asked == VV__GO) {
		go(g);
	} else if (g->lent && g->native == 1 && !g->wait && !vv__on_alt_stack(g)) {
		g->lent = false;
		vv__hop_back();
	} else if (g->lent && !g->pinned) {
		atomic_store(&g->asked, VV__COME_BACK);
	}
}
