/*
 * Futexes of programs: syscall(SYS_futex, ...), by which Rust's and C++'s atomic waits, and many runtimes, sleep.
 *
 * A waiter parks on the word's address. A wake wakes parked waiters first and then, if it may wake more, asks the kernel,
 * where those wait that did not come through here: native greenlets, inline system calls. A wait without
 * FUTEX_PRIVATE_FLAG may be ended by another process: it parks only if the word is in private memory, else it hops. So do
 * all such waits once the program has made threads by clone of whose end the kernel tells by a word.
 *
 * The priority-inheriting operations are done here, on the greenlets' own ids, which the kernel does not know.
 */
#include "futex.h"

#include "interpose.h"

#include <linux/futex.h>

/* A call, taken apart. */
struct call {
	uint32_t *word, *word2;
	int op, command;
	uint32_t value, value3;
	const struct timespec *time;
	int count2; /* in the place of time */
	const long *raw;
};

static long raw(const long *a)
{
	return vv__syscall(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static long raw_hopped(const long *a)
{
	long r;

	vv__hop();
	r = raw(a);
	vv__hop_back();
	return r;
}

/* The kernel answers EINVAL or EFAULT for such an address; let it. */
static bool is_odd(const uint32_t *word)
{
	uintptr_t address = (uintptr_t)word;

	return address & 3 || address < 4096 || address >> 47;
}

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static bool replace(uint32_t *word, uint32_t old, uint32_t new)
{
	return __atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* ---- private memory --------------------------------------------------------------------------------- */

/* Linux 6.11: which mapping holds an address. Older kernels refuse, and the caller hops. */
struct map_query {
	uint64_t size, query_flags, query_address, start, end, flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name, build_id;
};

enum { MAP_IS_SHARED = 8 };

static bool is_private(const uint32_t *word)
{
	struct map_query q = {.size = sizeof q, .query_address = (uintptr_t)word};
	long fd = vv__syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return false;
	r = vv__syscall(SYS_ioctl, fd, _IOWR('f', 17, struct map_query), &q);
	vv__syscall(SYS_close, fd);
	return r == 0 && !(q.flags & MAP_IS_SHARED);
}

/* ---- time ------------------------------------------------------------------------------------------- */

static bool is_relative(const struct call *c)
{
	return c->command == FUTEX_WAIT;
}

static clockid_t clock_of(const struct call *c)
{
	if (c->command == FUTEX_LOCK_PI)
		return CLOCK_REALTIME;
	return c->op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

static int64_t deadline_of(const struct call *c)
{
	const int64_t longest = VV__FOREVER / 1000000000 / 2;

	if (!c->time || c->time->tv_sec > longest)
		return VV__FOREVER;
	if (!is_relative(c))
		return vv__deadline_at(clock_of(c), c->time);
	return vv__deadline_in(c->time->tv_sec * 1000000000 + c->time->tv_nsec);
}

static bool bad_time(const struct call *c)
{
	return c->time &&
	       (!vv__given(c->time, sizeof *c->time) || c->time->tv_sec < 0 || !vv__timespec_valid(c->time));
}

/* ---- wait, wake ------------------------------------------------------------------------------------- */

static bool is_unchanged(void *call)
{
	struct call *c = call;

	return load(c->word) == c->value;
}

static long wait_parked(struct call *c)
{
	struct vv__park p = {.key = c->word, .tag = c->value3, .deadline = deadline_of(c),
	    .flags = c->time ? VV__EINTR : VV__EINTR | VV__RESTART, .what = "futex", .valid = is_unchanged,
	    .arg = c};

	return vv__park_on(&p);
}

/* Can the word be read? Pages in which one could be are remembered: the question costs a system call. */
static bool is_there(const uint32_t *word)
{
	enum { PAGES = 64, PAGE_BITS = 12 };
	static _Atomic uintptr_t seen[PAGES];
	uintptr_t page = (uintptr_t)word >> PAGE_BITS;
	_Atomic uintptr_t *slot = &seen[page % PAGES];

	if (vv__likely(page && atomic_load_explicit(slot, memory_order_relaxed) == page))
		return true;
	if (!vv__readable(word, sizeof *word))
		return false;
	atomic_store_explicit(slot, page, memory_order_relaxed);
	return true;
}

static _Atomic int kernel_clears;

void vv__futex_cleared(void)
{
	atomic_store(&kernel_clears, 1);
}

static long futex_wait(struct vv_greenlet *g, struct call *c)
{
	if (vv__direct(g) || is_odd(c->word) || bad_time(c) || c->value3 == 0 || !is_there(c->word))
		return raw(c->raw);
	if (c->op & FUTEX_PRIVATE_FLAG || (!atomic_load(&kernel_clears) && is_private(c->word)))
		return wait_parked(c);
	return raw_hopped(c->raw);
}

/* Less than one is one, as in the kernel. */
static long wake(uint32_t *word, int op, int n, uint32_t bits)
{
	int most = n > 1 ? n : 1, woken = is_odd(word) ? 0 : vv__wake_masked(word, bits, most);
	long r;

	if (woken >= most)
		return woken;
	r = vv__syscall(SYS_futex, word, FUTEX_WAKE_BITSET | (op & FUTEX_PRIVATE_FLAG), most - woken, 0, 0, bits);
	return r < 0 ? (woken ? woken : r) : woken + r;
}

/* The kernel compares, and so finds every error, before we look at our own waiters. */
static long requeue(struct call *c)
{
	long r = raw(c->raw);
	int wakes = c->value, moves = c->count2, mine;

	if (r < 0)
		return r;
	if (r >= wakes) {
		moves -= r - wakes;
		wakes = 0;
	} else {
		wakes -= r;
	}
	if (wakes == 0 && moves <= 0)
		return r;
	mine = vv__requeue(c->word, c->word2, wakes, moves, NULL, NULL);
	return mine < 0 ? r : r + mine;
}

/* ---- FUTEX_WAKE_OP ---------------------------------------------------------------------------------- */

/* The encoded operation: op, comparison, and their arguments of 12 bits each. */
static int field(uint32_t code, int shift, int bits)
{
	return (int)(code << (32 - bits - shift)) >> (32 - bits);
}

static bool apply(uint32_t *word, unsigned op, int argument, uint32_t *old)
{
	switch (op) {
	case FUTEX_OP_SET:
		*old = __atomic_exchange_n(word, argument, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_ADD:
		*old = __atomic_fetch_add(word, argument, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_OR:
		*old = __atomic_fetch_or(word, argument, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_ANDN:
		*old = __atomic_fetch_and(word, ~argument, __ATOMIC_SEQ_CST);
		return true;
	case FUTEX_OP_XOR:
		*old = __atomic_fetch_xor(word, argument, __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

static int compare(unsigned comparison, int old, int argument)
{
	switch (comparison) {
	case FUTEX_OP_CMP_EQ:
		return old == argument;
	case FUTEX_OP_CMP_NE:
		return old != argument;
	case FUTEX_OP_CMP_LT:
		return old < argument;
	case FUTEX_OP_CMP_LE:
		return old <= argument;
	case FUTEX_OP_CMP_GT:
		return old > argument;
	case FUTEX_OP_CMP_GE:
		return old >= argument;
	}
	return -ENOSYS;
}

static long wake_op(struct call *c)
{
	unsigned op = c->value3 >> 28 & 7;
	int argument = field(c->value3, 12, 12), second;
	uint32_t old;
	long r;

	if (is_odd(c->word) || is_odd(c->word2))
		return raw(c->raw);
	if (c->value3 >> 28 & FUTEX_OP_OPARG_SHIFT)
		argument = 1 << (argument & 31);
	if (!apply(c->word2, op, argument, &old))
		return -ENOSYS;
	second = compare(c->value3 >> 24 & 15, old, field(c->value3, 0, 12));
	if (second < 0)
		return second;
	r = wake(c->word, c->op, c->value, FUTEX_BITSET_MATCH_ANY);
	if (r >= 0 && second)
		r += wake(c->word2, c->op, c->count2, FUTEX_BITSET_MATCH_ANY);
	return r;
}

/* ---- priority inheritance --------------------------------------------------------------------------- */

static bool is_owned(void *word)
{
	uint32_t w = load(word);

	return w & FUTEX_TID_MASK && w & FUTEX_WAITERS;
}

static bool exists(int tid)
{
	return vv__of_tid(tid) || vv__syscall(SYS_tgkill, vv__syscall(SYS_getpid), tid, 0) == 0;
}

/* Take the word or mark it as waited for. A mark survives a taking as long as somebody is parked. */
static long try_pi(struct vv_greenlet *g, uint32_t *word)
{
	for (;;) {
		uint32_t w = load(word), owner = w & FUTEX_TID_MASK;

		if (owner == (uint32_t)g->tid)
			return -EDEADLK;
		if (owner == 0) {
			uint32_t marks = (w & FUTEX_OWNER_DIED) | (vv__waiters(word, 0) ? FUTEX_WAITERS : 0);

			if (replace(word, w, g->tid | marks))
				return 0;
		} else if (!exists(owner)) {
			return -ESRCH;
		} else if (w & FUTEX_WAITERS || replace(word, w, w | FUTEX_WAITERS)) {
			return -EAGAIN;
		}
	}
}

static long lock_pi(struct vv_greenlet *g, uint32_t *word, int64_t deadline)
{
	uint64_t turn = 0;
	struct vv__park p = {.key = word, .tag = FUTEX_BITSET_MATCH_ANY, .turn = &turn, .deadline = deadline, .what = "futex",
	    .valid = is_owned, .arg = word};
	long r;

	while ((r = try_pi(g, word)) == -EAGAIN) {
		r = vv__park_on(&p);
		if (r == -ETIMEDOUT)
			return r;
	}
	return r;
}

static long trylock_pi(struct vv_greenlet *g, uint32_t *word)
{
	uint32_t w = load(word);

	if (w & FUTEX_TID_MASK && (int)(w & FUTEX_TID_MASK) != g->tid)
		return -EAGAIN;
	return try_pi(g, word);
}

static long unlock_pi(struct vv_greenlet *g, uint32_t *word)
{
	uint32_t w;

	do {
		w = load(word);
		if ((int)(w & FUTEX_TID_MASK) != g->tid)
			return -EPERM;
	} while (!replace(word, w, 0));
	vv__wake(word, 1);
	return 0;
}

/* Whoever is woken locks the second word itself: there is nothing to move. */
static long wait_requeue_pi(struct vv_greenlet *g, struct call *c)
{
	long r;

	if (c->word == c->word2 || bad_time(c))
		return -EINVAL;
	c->value3 = FUTEX_BITSET_MATCH_ANY;
	r = wait_parked(c);
	return r == 0 ? lock_pi(g, c->word2, deadline_of(c)) : r;
}

static long cmp_requeue_pi(struct call *c)
{
	if (c->value != 1 || c->word == c->word2 || c->count2 < 0)
		return -EINVAL;
	if (load(c->word) != c->value3)
		return -EAGAIN;
	return vv__wake(c->word, c->count2 == INT32_MAX ? INT32_MAX : c->count2 + 1);
}

static long inheriting(struct vv_greenlet *g, struct call *c)
{
	if (is_odd(c->word))
		return raw(c->raw);
	switch (c->command) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return bad_time(c) ? raw(c->raw) : lock_pi(g, c->word, deadline_of(c));
	case FUTEX_TRYLOCK_PI:
		return trylock_pi(g, c->word);
	case FUTEX_UNLOCK_PI:
		return unlock_pi(g, c->word);
	case FUTEX_WAIT_REQUEUE_PI:
		return wait_requeue_pi(g, c);
	default:
		return cmp_requeue_pi(c);
	}
}

/* ---- the call --------------------------------------------------------------------------------------- */

static long dispatch(struct vv_greenlet *g, struct call *c)
{
	switch (c->command) {
	case FUTEX_WAIT:
		c->value3 = FUTEX_BITSET_MATCH_ANY;
		return futex_wait(g, c);
	case FUTEX_WAIT_BITSET:
		return futex_wait(g, c);
	case FUTEX_WAKE:
		return wake(c->word, c->op, c->value, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return c->value3 ? wake(c->word, c->op, c->value, c->value3) : -EINVAL;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return requeue(c);
	case FUTEX_WAKE_OP:
		return wake_op(c);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_TRYLOCK_PI:
	case FUTEX_UNLOCK_PI:
	case FUTEX_WAIT_REQUEUE_PI:
	case FUTEX_CMP_REQUEUE_PI:
		return inheriting(g, c);
	default:
		return raw(c->raw);
	}
}

long vv__futex(const long *a)
{
	struct call c = {.word = (uint32_t *)a[0], .word2 = (uint32_t *)a[4], .op = a[1],
	    .command = a[1] & FUTEX_CMD_MASK, .value = a[2], .value3 = a[5],
	    .time = (const struct timespec *)a[3], .count2 = a[3], .raw = a};

	return dispatch(vv__me(), &c);
}
