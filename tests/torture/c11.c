/*
 * C11 threads: mutexes of every type, a queue under conditions, call_once, thread-specific storage and results, at random:
 * one holder at a time, nothing lost, each routine once, each value destroyed, each result as it was given.
 */
#include "torture.h"

#include <threads.h>

enum { MUTEXES = 4, ONCES = 100 };

static struct {
	mtx_t mutex;
	int type, inside;
	long count;
} locks[MUTEXES];
static mtx_t gate;
static cnd_t moved;
static long filled, sent, received;
static once_flag once[ONCES];
static atomic_int ran[ONCES];
static _Thread_local int now;
static tss_t key;
static atomic_long taken, set, destroyed;

static void destroy(void *value)
{
	insist(value != NULL);
	destroyed++;
}

static void routine(void)
{
	struct dice d = {seed + now};

	dawdle(&d);
	ran[now]++;
}

static void lock_one(struct dice *d)
{
	int i = pick(d, MUTEXES), r;
	struct timespec ts = in_us(CLOCK_REALTIME, pick(d, 300));
	mtx_t *m = &locks[i].mutex;

	switch (pick(d, 3)) {
	case 0:
		r = mtx_trylock(m);
		insist(r == thrd_success || r == thrd_busy);
		break;
	case 1:
		r = mtx_timedlock(m, &ts);
		insist(r == thrd_success || r == thrd_timedout);
		break;
	default:
		insist((r = mtx_lock(m)) == thrd_success);
	}
	if (r != thrd_success)
		return;
	insist(locks[i].inside++ == 0);
	locks[i].count++;
	taken++;
	r = mtx_trylock(m);
	insist(r == (locks[i].type & mtx_recursive ? thrd_success : thrd_busy));
	if (r == thrd_success)
		insist(mtx_unlock(m) == thrd_success);
	dawdle(d);
	insist(--locks[i].inside == 0);
	insist(mtx_unlock(m) == thrd_success);
}

/* Everybody puts as much as it takes. */
static void pass_on(struct dice *d)
{
	struct timespec ts;
	int r;

	mtx_lock(&gate);
	filled++;
	sent++;
	if (pick(d, 4) == 0)
		cnd_broadcast(&moved);
	else
		cnd_signal(&moved);
	dawdle(d);
	while (filled == 0) {
		ts = in_us(CLOCK_REALTIME, pick(d, 500));
		r = pick(d, 2) ? cnd_timedwait(&moved, &gate, &ts) : cnd_wait(&moved, &gate);
		insist(r == thrd_success || r == thrd_timedout);
	}
	filled--;
	received++;
	mtx_unlock(&gate);
}

static int child(void *dice)
{
	struct dice *d = dice;
	int result = pick(d, 1000) - 500;

	insist(tss_get(key) == NULL);
	dawdle(d);
	if (pick(d, 2)) {
		insist(tss_set(key, d) == thrd_success && tss_get(key) == d);
		set++;
	}
	*d = (struct dice){result};
	if (pick(&(struct dice){seed + result}, 2))
		thrd_exit(result);
	return result;
}

static void raise_one(struct dice *d)
{
	struct dice theirs = {roll(d)};
	thrd_t t;
	int result;

	insist(thrd_create(&t, child, &theirs) == thrd_success);
	insist(!thrd_equal(t, thrd_current()));
	dawdle(d);
	insist(thrd_join(t, &result) == thrd_success && result == (int)theirs.state);
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		switch (pick(d, 8)) {
		case 0:
			raise_one(d);
			break;
		case 1:
		case 2:
			pass_on(d);
			break;
		case 3:
			now = pick(d, ONCES);
			call_once(&once[now], routine);
			insist(ran[now] == 1);
			break;
		case 4:
			if (pick(d, 4) == 0)
				insist(thrd_sleep(&(struct timespec){0, pick(d, 100000)}, NULL) == 0);
			else
				thrd_yield();
			break;
		default:
			lock_one(d);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const int types[] = {mtx_plain, mtx_timed, mtx_recursive, mtx_timed | mtx_recursive};
	long count = 0;

	begin(argc, argv);
	insist(mtx_init(&gate, mtx_plain) == thrd_success && cnd_init(&moved) == thrd_success);
	insist(tss_create(&key, destroy) == thrd_success);
	for (int i = 0; i < MUTEXES; i++) {
		locks[i].type = types[i];
		insist(mtx_init(&locks[i].mutex, types[i]) == thrd_success);
	}
	run_all(threads, work);
	for (int i = 0; i < MUTEXES; i++) {
		count += locks[i].count;
		mtx_destroy(&locks[i].mutex);
	}
	insist(count == taken && sent == received && filled == 0 && set == destroyed);
	tss_delete(key);
	cnd_destroy(&moved);
	return 0;
}
