/*
 * What each primitive refuses while another thread holds it, what it refuses its holder while another waits, with which
 * error, and that time runs out when it is over: mutexes of every kind, those of dead owners, read-write locks, spin locks,
 * semaphores, conditions, joins.
 */
#include "check.h"

#include <semaphore.h>

enum { LATE_MS = 10 };

static pthread_barrier_t step;
static int64_t began;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static const struct timespec *later(clockid_t clock)
{
	static struct timespec ts;

	began = now_ms();
	ts = clock_in(clock, LATE_MS);
	return &ts;
}

/* The answer to a call that had until later(). */
static void in_time(const char *what, int r)
{
	bool early = now_ms() - began < LATE_MS - 1;

	printf(" %s %s%s", what, errno_name(r), r == ETIMEDOUT && early ? " too early" : "");
}

static void say(const char *what, int r)
{
	printf(" %s %s", what, errno_name(r));
}

static int failed(int r)
{
	return r < 0 ? errno : 0;
}

static const struct timespec past = {1, 0}, invalid = {1, 1000000000}, negative = {-1, 0},
			     neither = {-1, 1000000000};

struct held {
	pthread_mutex_t mutex;
	int type, again, timed, try, consistent;
};

/* The main thread wants it meanwhile. */
static void *hold_mutex(void *held)
{
	struct held *h = held;

	expect(pthread_mutex_lock(&h->mutex) == 0);
	pthread_barrier_wait(&step);
	if (h->type != PTHREAD_MUTEX_NORMAL) {
		h->again = pthread_mutex_lock(&h->mutex);
		h->timed = pthread_mutex_timedlock(&h->mutex, &past);
		h->try = pthread_mutex_trylock(&h->mutex);
	}
	h->consistent = pthread_mutex_consistent(&h->mutex);
	pthread_barrier_wait(&step);
	for (int n = h->type == PTHREAD_MUTEX_RECURSIVE ? 4 : 1; n > 0; n--)
		expect(pthread_mutex_unlock(&h->mutex) == 0);
	return NULL;
}

static void make_mutex(pthread_mutex_t *m, int type, int protocol, int robust, int shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setpshared(&attr, shared);
	expect(pthread_mutex_init(m, &attr) == 0);
}

static void try_mutex(int type, int protocol, int robust, int shared)
{
	bool knows_owner =
	    robust || protocol || type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct held h = {.type = type};
	pthread_t t;

	make_mutex(&h.mutex, type, protocol, robust, shared);
	t = start(hold_mutex, &h);
	pthread_barrier_wait(&step);
	printf("mutex %d %d %d %d:", type, protocol, robust, shared);
	say("try", pthread_mutex_trylock(&h.mutex));
	in_time("timed", pthread_mutex_timedlock(&h.mutex, later(CLOCK_REALTIME)));
	in_time("clocked", pthread_mutex_clocklock(&h.mutex, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)));
	say("past", pthread_mutex_timedlock(&h.mutex, &past));
	say("invalid", pthread_mutex_timedlock(&h.mutex, &invalid));
	say("negative", pthread_mutex_timedlock(&h.mutex, &negative));
	say("neither", pthread_mutex_timedlock(&h.mutex, &neither));
	say("clock", pthread_mutex_clocklock(&h.mutex, CLOCK_PROCESS_CPUTIME_ID, &past));
	if (knows_owner) {
		say("unlock", pthread_mutex_unlock(&h.mutex));
		say("wait", pthread_cond_timedwait(&c, &h.mutex, later(CLOCK_REALTIME)));
	}
	say("consistent", pthread_mutex_consistent(&h.mutex));
	if (!robust)
		say("destroy", pthread_mutex_destroy(&h.mutex));
	pthread_barrier_wait(&step);
	join(t);
	say("holder: again", h.again);
	say("timed", h.timed);
	say("try", h.try);
	say("consistent", h.consistent);
	say("lock", pthread_mutex_lock(&h.mutex));
	in_time("wait", pthread_cond_timedwait(&c, &h.mutex, later(CLOCK_REALTIME)));
	if (type == PTHREAD_MUTEX_ERRORCHECK)
		say("again", pthread_mutex_lock(&h.mutex));
	say("unlock", pthread_mutex_unlock(&h.mutex));
	say("destroy", pthread_mutex_destroy(&h.mutex));
	puts("");
}

/* ---- owners that die while others wait ---- */

static void *die_with(void *mutex)
{
	expect(pthread_mutex_lock(mutex) == 0);
	pthread_barrier_wait(&step);
	let_block();
	return NULL;
}

struct heir {
	pthread_mutex_t *mutex;
	bool repairs;
	int got;
};

static void *inherit(void *heir)
{
	struct heir *h = heir;

	pthread_barrier_wait(&step);
	h->got = pthread_mutex_lock(h->mutex);
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	if (h->repairs)
		expect(pthread_mutex_consistent(h->mutex) == 0);
	let_block();
	expect(pthread_mutex_unlock(h->mutex) == 0);
	return NULL;
}

static void *find_lost(void *heir)
{
	struct heir *h = heir;

	h->got = pthread_mutex_lock(h->mutex);
	let_block();
	if (h->got == EOWNERDEAD)
		expect(pthread_mutex_unlock(h->mutex) == 0);
	return NULL;
}

static void try_dead(int type, int protocol, int shared, bool repairs)
{
	pthread_t owner, waiter;
	pthread_mutex_t m;
	struct heir h = {&m, repairs, 0};

	make_mutex(&m, type, protocol, PTHREAD_MUTEX_ROBUST, shared);
	printf("dead owner %d %d %d %d:", type, protocol, shared, repairs);
	owner = start(die_with, &m);
	pthread_barrier_wait(&step);
	waiter = start(inherit, &h);
	pthread_barrier_wait(&step);
	join(owner);
	pthread_barrier_wait(&step);
	say("heir", h.got);
	say("try", pthread_mutex_trylock(&m));
	in_time("timed", pthread_mutex_timedlock(&m, later(CLOCK_REALTIME)));
	say("unlock", pthread_mutex_unlock(&m));
	pthread_barrier_wait(&step);
	say("lock", pthread_mutex_lock(&m));
	join(waiter);
	say("consistent", pthread_mutex_consistent(&m));
	say("unlock", pthread_mutex_unlock(&m));
	in_time("timed", pthread_mutex_timedlock(&m, later(CLOCK_REALTIME)));
	say("unlock", pthread_mutex_unlock(&m));
	say("destroy", pthread_mutex_destroy(&m));
	puts("");
}

/* All who wait for a mutex that is lost learn of it. (libc tells one only if it does not inherit.) */
static void try_lost(void)
{
	enum { WAITERS = 4 };
	struct heir h[WAITERS];
	pthread_t owner, t[WAITERS];
	pthread_mutex_t m;
	int dead = 0, lost = 0;

	make_mutex(&m, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST, 0);
	owner = start(die_with, &m);
	pthread_barrier_wait(&step);
	for (int i = 0; i < WAITERS; i++) {
		h[i].mutex = &m;
		t[i] = start(find_lost, &h[i]);
	}
	join(owner);
	for (int i = 0; i < WAITERS; i++) {
		join(t[i]);
		dead += h[i].got == EOWNERDEAD;
		lost += h[i].got == ENOTRECOVERABLE;
	}
	printf("lost: %d dead, %d lost\n", dead, lost);
}

/* A recursive mutex counts how often it is locked, as far as that goes. */
static void try_overflow(void)
{
	pthread_mutex_t m;

	make_mutex(&m, PTHREAD_MUTEX_RECURSIVE, 0, 0, 0);
	printf("overflow:");
	say("lock", pthread_mutex_lock(&m));
	m.__data.__count = -1;
	say("lock", pthread_mutex_lock(&m));
	say("try", pthread_mutex_trylock(&m));
	say("timed", pthread_mutex_timedlock(&m, &past));
	m.__data.__count = 1;
	say("unlock", pthread_mutex_unlock(&m));
	puts("");
}

static void *hold_rwlock(void *rwlock)
{
	expect(pthread_rwlock_wrlock(rwlock) == 0);
	say("own read", pthread_rwlock_rdlock(rwlock));
	say("own write", pthread_rwlock_wrlock(rwlock));
	say("own timed", pthread_rwlock_timedwrlock(rwlock, &past));
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	expect(pthread_rwlock_unlock(rwlock) == 0);
	return NULL;
}

static void try_rwlock(int shared)
{
	pthread_rwlockattr_t attr;
	pthread_rwlock_t l;
	pthread_t t;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, shared);
	expect(pthread_rwlock_init(&l, &attr) == 0);
	printf("rwlock %d:", shared);
	t = start(hold_rwlock, &l);
	pthread_barrier_wait(&step);
	say("try read", pthread_rwlock_tryrdlock(&l));
	say("try write", pthread_rwlock_trywrlock(&l));
	in_time("read", pthread_rwlock_timedrdlock(&l, later(CLOCK_REALTIME)));
	in_time("write", pthread_rwlock_timedwrlock(&l, later(CLOCK_REALTIME)));
	in_time("clocked read", pthread_rwlock_clockrdlock(&l, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)));
	in_time("clocked write", pthread_rwlock_clockwrlock(&l, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)));
	say("past", pthread_rwlock_timedrdlock(&l, &past));
	say("invalid", pthread_rwlock_timedwrlock(&l, &invalid));
	say("negative", pthread_rwlock_timedrdlock(&l, &negative));
	say("clock", pthread_rwlock_clockrdlock(&l, CLOCK_PROCESS_CPUTIME_ID, &past));
	pthread_barrier_wait(&step);
	join(t);
	say("read", pthread_rwlock_rdlock(&l));
	in_time("write", pthread_rwlock_timedwrlock(&l, later(CLOCK_REALTIME)));
	say("unlock", pthread_rwlock_unlock(&l));
	puts("");
}

static void try_sem(int shared)
{
	sem_t s;

	expect(sem_init(&s, shared, 0) == 0);
	printf("sem %d:", shared);
	say("try", failed(sem_trywait(&s)));
	in_time("timed", failed(sem_timedwait(&s, later(CLOCK_REALTIME))));
	in_time("clocked", failed(sem_clockwait(&s, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC))));
	say("past", failed(sem_timedwait(&s, &past)));
	say("invalid", failed(sem_timedwait(&s, &invalid)));
	say("clock", failed(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, &past)));
	say("many", failed(sem_init(&s, shared, -1)));
	puts("");
}

static void *hold_spin(void *spin)
{
	expect(pthread_spin_lock(spin) == 0);
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	return NULL;
}

static void try_spin_and_join(void)
{
	pthread_barrier_t none;
	pthread_spinlock_t s;
	pthread_t t;

	pthread_spin_init(&s, 0);
	t = start(hold_spin, (void *)&s);
	pthread_barrier_wait(&step);
	printf("spin:");
	say("try", pthread_spin_trylock(&s));
	printf("\njoin:");
	say("try", pthread_tryjoin_np(t, NULL));
	in_time("timed", pthread_timedjoin_np(t, NULL, later(CLOCK_REALTIME)));
	in_time("clocked", pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)));
	say("self", pthread_join(pthread_self(), NULL));
	pthread_barrier_wait(&step);
	join(t);
	printf("\nbarrier:");
	say("none", pthread_barrier_init(&none, NULL, 0));
	puts("");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&step, NULL, 2);
	for (int type = 0; type < 3; type++)
		for (int protocol = 0; protocol < 2; protocol++)
			for (int robust = 0; robust < 2; robust++)
				for (int shared = 0; shared < 2; shared++)
					try_mutex(type, protocol, robust, shared);
	for (int type = 0; type < 3; type++)
		for (int kind = 0; kind < 8; kind++)
			try_dead(type, kind & 1, kind >> 1 & 1, kind >> 2 & 1);
	try_lost();
	try_overflow();
	for (int shared = 0; shared < 2; shared++) {
		try_rwlock(shared);
		try_sem(shared);
	}
	try_spin_and_join();
	return 0;
}
