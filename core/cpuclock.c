/*
 * A greenlet's CPU clock: what it has run, on whichever carriers. A carrier's clock is the kernel's; `clock_of` says whose
 * time it is since `charged`, and every time it changes hands that much is added to the greenlet's account.
 *
 * To read the clock at each switch would cost more than the switch. So until the program first asks for a thread's clock
 * (vv__clocks) the monitor's looks are all there is on the hub: who is seen running gets what the carrier has used since,
 * and no more than the time between two looks. Stretches on a carrier of its own are charged exactly from the start. The
 * hub's own work is nobody's.
 *
 * Who changes a carrier's three words makes `clock_turn` odd meanwhile; who reads tries again if it has changed.
 */
#include "hub.h"

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

static void begin(struct vv__carrier *c)
{
	unsigned turn = atomic_load(&c->clock_turn);

	for (int spins = 0; turn & 1 || !atomic_compare_exchange_weak(&c->clock_turn, &turn, turn + 1);
	     spins++) {
		if (spins > 100)
			vv__syscall(SYS_sched_yield);
		turn = atomic_load(&c->clock_turn);
	}
}

static void end(struct vv__carrier *c)
{
	atomic_fetch_add(&c->clock_turn, 1);
}

static void change(struct vv__carrier *c, struct vv_greenlet *next, int64_t now)
{
	struct vv_greenlet *g = c->clock_of;

	if (g)
		add(g, now - c->charged);
	c->charged = now;
	c->clock_of = next;
}

void vv__clock_switch(struct vv__carrier *c, struct vv_greenlet *next)
{
	begin(c);
	change(c, next, read_clock(CLOCK_THREAD_CPUTIME_ID));
	end(c);
}

void vv__clock_unknown(struct vv__carrier *c)
{
	begin(c);
	c->clock_of = NULL;
	end(c);
}

void vv__clock_handover(struct vv__carrier *c, struct vv_greenlet *g)
{
	begin(c);
	if (!c->clock_of)
		change(c, g, vv__kernel_cpu_time(c->tid));
	end(c);
}

/* ---- before anybody asks ---- */

static struct vv_greenlet *last_seen(void)
{
	return last.g && last.g->id == last.id ? last.g : NULL;
}

/* g has run on the hub lately. More than `most` it cannot have used: the rest waits for others to be seen. */
static void credit(struct vv_greenlet *g, struct vv__carrier *c, int64_t most)
{
	int64_t used = vv__kernel_cpu_time(c->tid) - c->charged;

	if (used > most)
		used = most;
	if (!g || used <= 0)
		return;
	add(g, used);
	c->charged += used;
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

	begin(c);
	g = atomic_load(&h->running);
	if (g && g == last_seen() && last.ticks == atomic_load(&h->ticks))
		credit(g, c, vv__now() - last.when);
	if (!c->clock_of)
		change(c, g, vv__kernel_cpu_time(c->tid));
	end(c);
}

static void start(void)
{
	vv__lock(&last.lock);
	if (!vv__clocks) {
		vv__clocks = vv__watching = true;
		atomic_thread_fence(memory_order_seq_cst);
		settle(&vv__hub);
	}
	vv__unlock(&last.lock);
}

/* ---- reading ---- */

static bool read_account(struct vv_greenlet *g, struct vv_greenlet *me, int64_t *ns)
{
	struct vv__carrier *c = g->carrier;
	unsigned turn = c ? atomic_load(&c->clock_turn) : 0;

	*ns = atomic_load(&g->cpu_ns);
	if (!c)
		return true;
	if (c->clock_of == g)
		*ns += (g == me ? read_clock(CLOCK_THREAD_CPUTIME_ID) : vv__kernel_cpu_time(c->tid)) -
		       c->charged;
	atomic_thread_fence(memory_order_seq_cst);
	return !(turn & 1) && atomic_load(&c->clock_turn) == turn && g->carrier == c;
}

int64_t vv__cpu_time(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__me();
	uint8_t inside = me->inside;
	int64_t ns;

	me->inside = 1;
	if (vv__unlikely(!vv__clocks))
		start();
	if (g == me && g->carrier->clock_of != g)
		vv__clock_switch(g->carrier, g); /* it hopped when somebody else was the first to ask */
	for (int spins = 0; !read_account(g, me, &ns); spins++)
		if (spins > 100)
			vv__syscall(SYS_sched_yield);
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
