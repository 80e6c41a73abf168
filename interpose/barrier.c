/*
 * Barriers. A private one is ours between libc's init and destroy: one word holds how many have arrived and which round
 * it is, so arriving is one compare-and-swap. The last of a round starts the next one and wakes this one; nobody of the
 * round touches the barrier after that, so it may be destroyed as soon as one has returned. Rounds have numbers that
 * are never used again in the process: a late wake finds nobody else's waiters.
 *
 * `in` is zero between rounds and `out` always, which is what libc's destroy waits for.
 */
#include "sync.h"

/* glibc's struct pthread_barrier. */
struct barrier {
	uint32_t in;
	uint32_t round;
	uint32_t count;
	int shared;
	uint32_t out;
};

union arrival {
	struct {
		uint32_t in, round;
	};
	uint64_t word;
};

static uint32_t fresh_round(void)
{
	static uint32_t last;
	uint32_t n = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);

	return n ? n : fresh_round();
}

static union arrival load(struct barrier *b)
{
	return (union arrival){.word = __atomic_load_n((uint64_t *)b, __ATOMIC_SEQ_CST)};
}

/* Counts the caller in. Returns the round; *last if the caller has completed it. */
static uint32_t arrive(struct barrier *b, bool *last)
{
	union arrival a = load(b), next;
	uint32_t round;

	do {
		round = a.round ? a.round : fresh_round();
		*last = a.in + 1 >= b->count;
		next.in = *last ? 0 : a.in + 1;
		next.round = *last ? fresh_round() : round;
	} while (!__atomic_compare_exchange_n(
	    (uint64_t *)b, &a.word, next.word, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return round;
}

struct waiting {
	struct barrier *barrier;
	uint32_t round;
};

static bool is_incomplete(void *waiting)
{
	struct waiting *w = waiting;

	return load(w->barrier).round == w->round;
}

/* No lock or futex has an odd address: only this file's wakes find these waiters. */
static const void *key_of(struct barrier *b)
{
	return (char *)b + 1;
}

static void await_round(struct barrier *b, uint32_t round)
{
	struct waiting w = {b, round};
	struct vv__park p = {.key = key_of(b), .tag = round, .deadline = VV__FOREVER, .what = "barrier",
	    .valid = is_incomplete, .arg = &w};

	vv__park_on(&p);
}

static int wait_hopped(pthread_barrier_t *barrier)
{
	int r;

	vv__hop();
	r = REAL(pthread_barrier_wait)(barrier);
	vv__hop_back();
	return r;
}

VV_EXPORT int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	struct barrier *b = (struct barrier *)barrier;
	uint32_t round;
	bool last;

	vv__me();
	if (b->shared || !vv__family_on(sync))
		return wait_hopped(barrier);
	round = arrive(b, &last);
	if (!last) {
		await_round(b, round);
		return 0;
	}
	vv__wake_tagged(key_of(b), round, INT32_MAX);
	return PTHREAD_BARRIER_SERIAL_THREAD;
}

/* With a round unfinished libc waits for its end; so do we. */
VV_EXPORT int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	struct barrier *b = (struct barrier *)barrier;
	union arrival a;
	int r;

	vv__me();
	if (!b->shared && vv__family_on(sync)) {
		a = load(b);
		if (a.in)
			await_round(b, a.round);
		return REAL(pthread_barrier_destroy)(barrier);
	}
	vv__hop();
	r = REAL(pthread_barrier_destroy)(barrier);
	vv__hop_back();
	return r;
}
