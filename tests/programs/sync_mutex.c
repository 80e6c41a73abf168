/*
 * Mutex types and their errors, as seen by the owner and by others: normal, recursive, error-checking, adaptive,
 * robust, with time-outs and try.
 */
#include "check.h"

static pthread_mutex_t m;
static struct turn turn = TURN;
static bool timed_out_on_time;

static void *other_tries(void *arg)
{
	(void)arg;
	printf("  another: trylock %s", errno_name(pthread_mutex_trylock(&m)));
	printf(", unlock %s\n", errno_name(pthread_mutex_unlock(&m)));
	return NULL;
}

static void *other_waits(void *arg)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, 20), past = {1, 0}, bad = {5000000000, 1000000000};

	(void)arg;
	printf("  timed %s", errno_name(pthread_mutex_timedlock(&m, &soon)));
	struct timespec now = clock_in(CLOCK_REALTIME, 0);
	timed_out_on_time =
	    now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec);
	printf(", past %s", errno_name(pthread_mutex_timedlock(&m, &past)));
	printf(", bad %s", errno_name(pthread_mutex_timedlock(&m, &bad)));
	soon = clock_in(CLOCK_MONOTONIC, 10);
	printf(", monotonic %s\n", errno_name(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &soon)));
	turn_set(&turn, 1);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void try_type(const char *name, int type, bool relock, bool foreign_unlock)
{
	pthread_mutexattr_t attr;
	struct timespec past = {1, 0};
	pthread_t t;

	printf("%s\n", name);
	pthread_mutexattr_init(&attr);
	expect(pthread_mutexattr_settype(&attr, type) == 0);
	expect(pthread_mutex_init(&m, &attr) == 0);
	expect(pthread_mutex_lock(&m) == 0);
	printf("  trylock of mine %s", errno_name(pthread_mutex_trylock(&m)));
	if (relock)
		printf(", lock %s", errno_name(pthread_mutex_lock(&m)));
	printf(", timed %s\n", errno_name(pthread_mutex_timedlock(&m, &past)));
	if (foreign_unlock)
		join(start(other_tries, NULL));
	turn.now = 0;
	t = start(other_waits, NULL);
	turn_wait(&turn, 1);
	while (pthread_mutex_unlock(&m) == 0 && type == PTHREAD_MUTEX_RECURSIVE)
		;
	join(t);
	expect(timed_out_on_time);
	if (foreign_unlock)
		printf("  unlock of a free one %s\n", errno_name(pthread_mutex_unlock(&m)));
	expect(pthread_mutex_destroy(&m) == 0);
}

static void *dies_with_lock(void *arg)
{
	(void)arg;
	expect(pthread_mutex_lock(&m) == 0);
	return NULL;
}

static void try_robust(bool consistent)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	expect(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	expect(pthread_mutex_init(&m, &attr) == 0);
	join(start(dies_with_lock, NULL));
	printf("robust\n");
	tell_error(pthread_mutex_lock(&m));
	if (consistent)
		tell_error(pthread_mutex_consistent(&m));
	tell_error(pthread_mutex_unlock(&m));
	tell_error(pthread_mutex_lock(&m));
	tell_error(pthread_mutex_trylock(&m));
	if (consistent)
		tell_error(pthread_mutex_unlock(&m));
	tell_error(pthread_mutex_consistent(&m));
	tell_error(pthread_mutex_destroy(&m));
}

static void *waits_for_dead_owner(void *arg)
{
	(void)arg;
	tell_error(pthread_mutex_lock(&m));
	tell_error(pthread_mutex_consistent(&m));
	tell_error(pthread_mutex_unlock(&m));
	return NULL;
}

static void *dies_while_others_wait(void *arg)
{
	expect(pthread_mutex_lock(&m) == 0);
	turn_set(arg, 1);
	let_block();
	return NULL;
}

static void robust_waiter(void)
{
	static struct turn locked = TURN;
	pthread_mutexattr_t attr;
	pthread_t a, b;

	pthread_mutexattr_init(&attr);
	expect(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	expect(pthread_mutex_init(&m, &attr) == 0);
	a = start(dies_while_others_wait, &locked);
	turn_wait(&locked, 1);
	b = start(waits_for_dead_owner, NULL);
	join(a);
	join(b);
}

int main(void)
{
	try_type("normal", PTHREAD_MUTEX_NORMAL, false, false);
	try_type("recursive", PTHREAD_MUTEX_RECURSIVE, true, true);
	try_type("errorcheck", PTHREAD_MUTEX_ERRORCHECK, true, true);
	try_type("adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, false, false);
	try_robust(true);
	try_robust(false);
	robust_waiter();
	return 0;
}
