/*
 * Kept signals: those that arrived inside Vervet or belong to another greenlet than the one that the kernel chose.
 *
 * A pool, the first part of it in static storage, a list per signal number in order of arrival. As in the kernel a standard
 * signal is kept once per greenlet and once for the process; real-time signals queue. An entry belongs to a greenlet
 * (directed at it, or chosen for it among those that do not block the signal) or, until the hub has chosen, to nobody.
 * g->pending has a bit for every entry that belongs to g.
 *
 * The lock is taken with every signal blocked: the handler that interrupts its holder would need it.
 */
#include "signal.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { POOL = 1024, MOST = 65536 };

struct kept {
	struct kept *next;
	struct vv_greenlet *g; /* null: nobody's yet */
	uint64_t id;	       /* g->id: records are used again */
	bool directed;	       /* at g: nobody else may have it */
	uint8_t look;	       /* the signal that was sent to make g look; 0: none */
	siginfo_t info;
};

static _Atomic int lock;
static struct kept pool[POOL], *unused;
static struct kept *room = pool; /* never used yet: */
static int fresh = POOL;
static _Atomic int kept; /* how many in all lists */
static struct kept *list[VV__SIGNALS + 1], **end[VV__SIGNALS + 1];
static _Atomic uint64_t present; /* signals with an entry */
static _Atomic uint64_t nobodys; /* signals with an entry that is nobody's */

static uint64_t block(uint64_t set)
{
	uint64_t before = 0;

	vv__syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &before, sizeof set);
	return before;
}

uint64_t vv__block_all(void)
{
	return block(~VV__FAULTS);
}

uint64_t vv__block_to_send(void)
{
	return block(~0ul);
}

void vv__unblock(uint64_t before)
{
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static bool is_of(const struct kept *k, const struct vv_greenlet *g)
{
	return k->g == g && (!g || k->id == g->id);
}

static void give(struct kept *k, int sig, struct vv_greenlet *g)
{
	k->g = g;
	k->id = g ? g->id : 0;
	k->look = 0;
	if (g)
		atomic_fetch_or(&g->pending, vv__bit(sig));
	else
		atomic_fetch_or(&nobodys, vv__bit(sig));
}

/* After entries were taken: is the bit still true? */
static void review(int sig, struct vv_greenlet *g)
{
	for (struct kept *k = list[sig]; k; k = k->next)
		if (is_of(k, g))
			return;
	atomic_fetch_and(g ? &g->pending : &nobodys, ~vv__bit(sig));
	if (!list[sig])
		atomic_fetch_and(&present, ~vv__bit(sig));
}

static void discard(struct kept **p, int sig)
{
	struct kept *k = *p;

	*p = k->next;
	if (!k->next)
		end[sig] = p;
	k->next = unused;
	unused = k;
	atomic_fetch_sub(&kept, 1);
}

/* A burst is as long as the kernel's queue. In a handler: no lock but ours. */
static void make_room(void)
{
	long p = vv__syscall(
	    SYS_mmap, NULL, sizeof pool, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p < 0 && p > -4096)
		return;
	room = (struct kept *)p;
	fresh = POOL;
}

static struct kept *allocate(void)
{
	struct kept *k = unused;

	if (k) {
		unused = k->next;
		return k;
	}
	if (!fresh && atomic_load(&kept) < MOST)
		make_room();
	return fresh ? &room[--fresh] : NULL;
}

/* A forked child starts without pending signals: what was kept is the parent's. */
void vv__kept_forget(void)
{
	memset(list, 0, sizeof list);
	memset(end, 0, sizeof end);
	unused = NULL;
	room = pool;
	fresh = POOL;
	atomic_store(&kept, 0);
	atomic_store(&present, 0);
	atomic_store(&nobodys, 0);
}

/* Of a standard signal there is one at a time. */
static bool is_there(int sig, const siginfo_t *info, struct vv_greenlet *g, bool directed)
{
	if (sig > VV__SIGSETXID)
		return false;
	if (directed && info->si_code == SI_TIMER) /* timer.c sends one at a time, as the kernel */
		return false;
	for (struct kept *k = list[sig]; k; k = k->next)
		if (k->directed == directed && (!directed || is_of(k, g)))
			return true;
	return false;
}

int vv__keep(int sig, const siginfo_t *info, struct vv_greenlet *g, bool directed)
{
	uint64_t before = vv__lock_masked(&lock);
	struct kept *k;
	int r = -EAGAIN;

	if (is_there(sig, info, g, directed)) {
		r = 0;
		goto out;
	}
	k = allocate();
	if (!k)
		goto out;
	atomic_fetch_add(&kept, 1);
	k->next = NULL;
	k->directed = directed;
	k->info = *info;
	*(end[sig] ? end[sig] : &list[sig]) = k;
	end[sig] = &k->next;
	atomic_fetch_or(&present, vv__bit(sig));
	give(k, sig, g);
	r = 0;
out:
	vv__unlock_masked(&lock, before);
	return r;
}

int vv__take_kept(struct vv_greenlet *g, uint64_t set, bool shared, siginfo_t *info)
{
	uint64_t left = set & (shared ? atomic_load(&present) : atomic_load(&g->pending)), before;
	int found = 0;

	if (!left)
		return 0;
	before = vv__lock_masked(&lock);
	for (; left && !found; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;

		for (struct kept **p = &list[sig]; *p; p = &(*p)->next) {
			struct vv_greenlet *owner = (*p)->g;

			if (!is_of(*p, g) && !(shared && !(*p)->directed))
				continue;
			*info = (*p)->info;
			discard(p, sig);
			review(sig, owner);
			found = sig;
			break;
		}
	}
	vv__unlock_masked(&lock, before);
	if (found && info->si_code == SI_TIMER)
		vv__timer_taken(info);
	return found;
}

int vv__count_kept(struct vv_greenlet *g)
{
	uint64_t before, left = atomic_load(&g->pending) & ~VV__LIBC_SIGNALS;
	int n = 0;

	if (!left)
		return 0;
	before = vv__lock_masked(&lock);
	for (; left; left &= left - 1)
		for (struct kept *k = list[__builtin_ctzl(left) + 1]; k; k = k->next)
			n += is_of(k, g);
	vv__unlock_masked(&lock, before);
	return n;
}

int vv__kept_in_all(void)
{
	return atomic_load(&kept);
}

uint64_t vv__kept_for(struct vv_greenlet *g)
{
	uint64_t before, set = atomic_load(&g->pending);

	if (!atomic_load(&present))
		return 0;
	before = vv__lock_masked(&lock);
	for (uint64_t left = atomic_load(&present) & ~set; left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;

		for (struct kept *k = list[sig]; k; k = k->next)
			if (!k->directed)
				set |= vv__bit(sig);
	}
	vv__unlock_masked(&lock, before);
	return set & ~VV__LIBC_SIGNALS;
}

void vv__drop_kept(int sig)
{
	uint64_t before = vv__lock_masked(&lock);

	while (list[sig]) {
		struct vv_greenlet *owner = list[sig]->g;

		discard(&list[sig], sig);
		review(sig, owner);
	}
	vv__unlock_masked(&lock, before);
}

void vv__pass_on_kept(struct vv_greenlet *g, uint64_t set, bool ends)
{
	uint64_t before, left = atomic_load(&g->pending) & set & ~VV__LIBC_SIGNALS;
	bool passed = false;

	if (!left)
		return;
	before = vv__lock_masked(&lock);
	for (; left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;

		for (struct kept **p = &list[sig]; *p;) {
			if (is_of(*p, g) && !(*p)->directed) {
				give(*p, sig, NULL);
				passed = true;
			} else if (is_of(*p, g) && ends) {
				discard(p, sig);
				continue;
			}
			p = &(*p)->next;
		}
		review(sig, g);
	}
	vv__unlock_masked(&lock, before);
	if (passed)
		vv__hub_signal();
}

/* ---- who gets what ---- */

static bool alive(struct vv_greenlet *g)
{
	uint8_t state = atomic_load(&g->state);

	return state != VV__FREE && state != VV__DONE && !g->is_hub;
}

struct choice {
	int sig;
	struct vv_greenlet *found;
};

static int accepts(struct vv_greenlet *g, void *choice)
{
	struct choice *c = choice;

	if (alive(g) && (!(g->mask & vv__bit(c->sig)) || vv__awaits(g, c->sig)))
		c->found = g;
	return c->found != NULL;
}

/* As the kernel does: the main one if it does not block the signal, else any. */
static struct vv_greenlet *choose(int sig)
{
	struct choice c = {sig, NULL};

	if (!accepts(vv__main_greenlet(), &c))
		vv__each(accepts, &c);
	return c.found;
}

/* The signal that makes g look at its kept sig: to handle it, or to take it in sigwait. 0: it may not have it now. */
static int look_for(struct vv_greenlet *g, int sig)
{
	if (vv__bit(sig) & VV__LIBC_SIGNALS)
		return VV__SIGCANCEL;
	return !(g->mask & vv__bit(sig)) ? sig : vv__awaits(g, sig) ? VV__SIGCANCEL : 0;
}

/*
 * With the lock: send g's kernel thread a look for every entry that has none under way. More would do no harm, but
 * real-time signals queue: looks that come in vain and are sent again must not become more.
 */
static void send_looks(struct vv_greenlet *g, int tid)
{
	uint64_t sent = 0;

	for (uint64_t left = atomic_load(&g->pending); left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1, look = look_for(g, sig);

		for (struct kept *k = look ? list[sig] : NULL; k; k = k->next) {
			if (!is_of(k, g) || k->look)
				continue;
			if (!(sent & vv__bit(look)) && vv__send_look(tid, look, g) < 0)
				return;
			sent |= vv__bit(look);
			k->look = look;
		}
	}
}

/* With the lock. Parked, g is resumed; on a kernel thread of its own it is sent looks. On the run queue it looks when it is
 * resumed. */
static void prod(struct vv_greenlet *g)
{
	int tid = vv__carrier_tid(g);

	if (!tid || atomic_load(&g->pending) & vv__bit(VV__SIGCANCEL))
		vv__interrupt(g);
	if (tid && g != vv__self)
		send_looks(g, tid);
}

void vv__prod(struct vv_greenlet *g)
{
	uint64_t before = vv__lock_masked(&lock);

	prod(g);
	vv__unlock_masked(&lock, before);
}

/* g was inside, or no longer there. */
void vv__look_came_in_vain(struct vv_greenlet *g, int look)
{
	uint64_t before = vv__lock_masked(&lock);

	for (uint64_t left = atomic_load(&present); left; left &= left - 1)
		for (struct kept *k = list[__builtin_ctzl(left) + 1]; k; k = k->next)
			if (is_of(k, g) && k->look == look)
				k->look = 0;
	vv__unlock_masked(&lock, before);
	vv__hub_signal();
}

static void assign(int sig, struct vv_greenlet *g)
{
	uint64_t before = vv__lock_masked(&lock);

	for (struct kept *k = list[sig]; k; k = k->next)
		if (!k->g)
			give(k, sig, g);
	review(sig, NULL);
	vv__unlock_masked(&lock, before);
}

static void prod_owner(const struct kept *k, int sig)
{
	if (!k->g || k->look || k->id != k->g->id || !alive(k->g))
		return;
	if (vv__has_signals(k->g) || vv__awaits(k->g, sig))
		prod(k->g);
}

static void prod_owners(void)
{
	uint64_t before = vv__lock_masked(&lock);

	for (uint64_t left = atomic_load(&present); left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;

		for (struct kept *k = list[sig]; k; k = k->next)
			prod_owner(k, sig);
	}
	vv__unlock_masked(&lock, before);
}

void vv__claim_kept(struct vv_greenlet *g)
{
	atomic_thread_fence(memory_order_seq_cst); /* the hub keeps, then looks who does not block it */
	for (uint64_t left = atomic_load(&nobodys) & ~g->mask; left; left &= left - 1)
		assign(__builtin_ctzl(left) + 1, g);
}

/* Core's hook, in the hub: something has been kept. */
void vv__hub_signals(struct vv__hub *hub)
{
	for (uint64_t left = atomic_load(&nobodys); left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;
		struct vv_greenlet *g = choose(sig);

		if (g)
			assign(sig, g);
	}
	prod_owners();
}

/* Core's hook: may g handle something now? */
bool vv__deliverable(struct vv_greenlet *g)
{
	uint64_t now = vv__bit(VV__SIGCANCEL) | (g->wait ? 0 : vv__bit(VV__SIGSETXID));

	return atomic_load(&g->pending) & ((~g->mask & ~VV__LIBC_SIGNALS) | now);
}
