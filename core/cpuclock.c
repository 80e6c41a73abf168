/*
 * A greenlet's CPU clock: what it has run, on whichever carriers. The kernel counts for carriers, whose time is shared out
 * among those who had turns there; the hub's own work is nobody's.
 *
 * To read the kernel's clock at each switch would cost five times what the switch costs, and even the CPU's counter half as much.
 * So until the program first asks for a thread's clock (vv__clocks) the monitor's looks are all there is on the hub: who is seen
 * running gets what the carrier has used since, and no more than the time between two looks. Stretches on a carrier of its own
 * are charged exactly from the start. Once somebody has asked, turns on the hub are noted with the CPU's counter and the kernel's
 * time is shared out by them: when there are many, after a long one, before the hub sleeps, and whenever a clock is read.
 */
#include "hub.h"
#include "trace.h"

#include <sys/syscall.h>
#include <time.h>

bool vv__clocks;

/* The monitor's last look. */
static struct {
	_Atomic int lock;
	struct vv_greenlet *g; /* who ran */
	uint64_t id, ticks;
	int64_t when;
} last;

static int64_t read_clock(clockid_t clock)
{
	struct timespec t;

	return vv__syscall(SYS_clock_gettime, clock, &t) < 0 ? -1 : t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* The clock's number: linux/posix-timers.h, CPUCLOCK_PERTHREAD | SCHED. */
int64_t vv__kernel_cpu_time(int tid)
{
	return read_clock((clockid_t)((~(unsigned)tid << 3) | 6));
}

static void add(struct vv_greenlet *g, int64_t ns)
{
	if (ns > 0)
		atomic_fetch_add_explicit(&g->cpu_ns, ns, memory_order_relaxed);
}

/* ---- a carrier's clock changes hands ---- */

/* Longer than that (less than a millisecond) and a turn is charged at once: what the kernel thread has not run of it must not
 * be taken from others. */
enum { LONG_TURN = 1 << 20 };

/* Counters of two CPUs may differ by a little. */
static int64_t part_of(int64_t all, int64_t turn, int64_t span)
{
	return turn > 0 && span > 0 ? (int64_t)((double)all * (double)turn / (double)span) : 0;
}

/* The kernel thread has used so much. Who had turns since it was last shared out gets by the counter, who has it now the rest. */
static void share_out(struct vv__cpu_clock *k, int64_t now)
{
	uint64_t counter = vv__counter_is_clock ? vv__counter() : 0, from = k->counter;
	int64_t all = now - k->charged, rest = all, part;

	for (unsigned i = 0; i < k->n; i++) {
		struct vv__turn *t = &k->turns[i];

		part = part_of(all, t->end - from, counter - k->counter);
		if (t->g && t->g->id == t->id)
			add(t->g, part);
		rest -= part;
		from = t->end;
	}
	if (k->of && k->of->id == k->of_id)
		add(k->of, rest);
	k->n = 0;
	k->charged = now;
	k->counter = counter;
}

static void give(struct vv__cpu_clock *k, struct vv_greenlet *next)
{
	k->of = next;
	k->of_id = next ? next->id : 0;
}

void vv__clock_switch(struct vv__carrier *c, struct vv_greenlet *next)
{
	vv__lock(&c->clock.lock);
	share_out(&c->clock, read_clock(CLOCK_THREAD_CPUTIME_ID));
	give(&c->clock, next);
	vv__unlock(&c->clock.lock);
}

void vv__clock_turn(struct vv__carrier *c, struct vv_greenlet *next)
{
	struct vv__cpu_clock *k = &c->clock;
	uint64_t now;

	vv__lock(&k->lock);
	now = vv__counter();
	if (!vv__counter_is_clock || k->n == VV__TURNS || now - k->counter > LONG_TURN)
		share_out(k, read_clock(CLOCK_THREAD_CPUTIME_ID));
	else
		k->turns[k->n++] = (struct vv__turn){k->of, k->of_id, now};
	give(k, next);
	vv__unlock(&k->lock);
}

void vv__clock_unknown(struct vv__carrier *c)
{
	vv__lock(&c->clock.lock);
	give(&c->clock, NULL);
	vv__unlock(&c->clock.lock);
}

void vv__clock_handover(struct vv__carrier *c, struct vv_greenlet *g)
{
	vv__lock(&c->clock.lock);
	share_out(&c->clock, vv__kernel_cpu_time(c->tid));
	if (!c->clock.of)
		give(&c->clock, g);
	vv__unlock(&c->clock.lock);
}

/* ---- before anybody asks ---- */

static struct vv_greenlet *last_seen(void)
{
	return last.g && last.g->id == last.id ? last.g : NULL;
}

/* g has run on the hub lately. More than `most` it cannot have used: the rest waits for others to be seen. */
static void credit(struct vv_greenlet *g, struct vv__carrier *c, int64_t most)
{
	int64_t used = vv__kernel_cpu_time(c->tid) - c->clock.charged;

	if (used > most)
		used = most;
	if (!g || used <= 0)
		return;
	add(g, used);
	c->clock.charged += used;
}

void vv__clock_sample(struct vv__hub *h, struct vv_greenlet *running, bool slept)
{
	int64_t now = vv__now();

	vv__lock(&last.lock);
	if (!vv__clocks)
		credit(slept ? last_seen() : running, h->carrier, now - last.when);
	last.g = running;
	last.id = running ? running->id : 0;
	last.ticks = atomic_load(&h->ticks);
	last.when = now;
	vv__unlock(&last.lock);
}

/* Who runs on the hub is known to have done so since the last look, or what was used since is nobody's. */
static void settle(struct vv__hub *h)
{
	struct vv__carrier *c = h->carrier;
	struct vv_greenlet *g;

	vv__lock(&c->clock.lock);
	g = atomic_load(&h->running);
	if (g && g == last_seen() && last.ticks == atomic_load(&h->ticks))
		credit(g, c, vv__now() - last.when);
	share_out(&c->clock, vv__kernel_cpu_time(c->tid));
	if (!c->clock.of)
		give(&c->clock, g);
	vv__unlock(&c->clock.lock);
}

static void start(void)
{
	vv__lock(&last.lock);
	if (!vv__clocks) {
		vv__counter_try();
		vv__clocks = vv__watching = true;
		atomic_thread_fence(memory_order_seq_cst);
		settle(&vv__hub);
	}
	vv__unlock(&last.lock);
}

/* ---- reading ---- */

/* False: g has moved meanwhile. */
static bool read_account(struct vv_greenlet *g, struct vv_greenlet *me, int64_t *ns)
{
	struct vv__carrier *c = __atomic_load_n(&g->carrier, __ATOMIC_ACQUIRE);
	int64_t now;

	if (c) {
		vv__lock(&c->clock.lock);
		now = g == me ? read_clock(CLOCK_THREAD_CPUTIME_ID) : vv__kernel_cpu_time(c->tid);
		if (now >= 0)
			share_out(&c->clock, now);
		vv__unlock(&c->clock.lock);
	}
	*ns = atomic_load(&g->cpu_ns);
	return __atomic_load_n(&g->carrier, __ATOMIC_ACQUIRE) == c;
}

int64_t vv__cpu_time(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__me();
	uint8_t inside = me->inside;
	int64_t ns;

	me->inside = 1;
	if (vv__unlikely(!vv__clocks))
		start();
	if (g == me && g->carrier->clock.of != g)
		vv__clock_switch(g->carrier, g); /* it hopped when somebody else was the first to ask */
	while (!read_account(g, me, &ns))
		;
	me->inside = inside;
	if (!inside && vv__has_signals(me))
		vv__hooks.run_handlers(me);
	return ns;
}

void vv__clocks_forget(void)
{
	vv__clocks = vv__watching = false;
	last.g = NULL;
}
