/* Mutexes of every kind, locked, tried and timed at random: one holder at a time, and every lock is counted. */
#include "torture.h"

enum { MUTEXES = 6 };

static struct {
	pthread_mutex_t mutex;
	int type;
	bool robust;
	int inside;
	long count;
} locks[MUTEXES];
static atomic_long taken;

static void make(int i, struct dice *d)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
	    PTHREAD_MUTEX_ADAPTIVE_NP};
	pthread_mutexattr_t attr;

	locks[i].type = types[pick(d, 4)];
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, locks[i].type);
	if (pick(d, 4) == 0)
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (pick(d, 4) == 0)
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (pick(d, 5) == 0)
		pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	insist(pthread_mutex_init(&locks[i].mutex, &attr) == 0);
}

static bool take(pthread_mutex_t *m, struct dice *d)
{
	struct timespec ts;
	int r;

	switch (pick(d, 4)) {
	case 0:
		r = pthread_mutex_trylock(m);
		insist(r == 0 || r == EBUSY);
		return r == 0;
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		r = pthread_mutex_timedlock(m, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		return r == 0;
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 300));
		r = pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		return r == 0;
	default:
		insist(pthread_mutex_lock(m) == 0);
		return true;
	}
}

/* Again, by its own holder. */
static void take_twice(int i)
{
	pthread_mutex_t *m = &locks[i].mutex;

	if (locks[i].type == PTHREAD_MUTEX_RECURSIVE) {
		insist(pthread_mutex_lock(m) == 0);
		insist(pthread_mutex_unlock(m) == 0);
	} else if (locks[i].type == PTHREAD_MUTEX_ERRORCHECK) {
		insist(pthread_mutex_lock(m) == EDEADLK);
	} else {
		insist(pthread_mutex_trylock(m) == EBUSY);
	}
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		int i = pick(d, MUTEXES);

		if (!take(&locks[i].mutex, d))
			continue;
		insist(locks[i].inside++ == 0);
		locks[i].count++;
		taken++;
		if (pick(d, 8) == 0)
			take_twice(i);
		dawdle(d);
		insist(--locks[i].inside == 0);
		insist(pthread_mutex_unlock(&locks[i].mutex) == 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long count = 0;

	begin(argc, argv);
	struct dice d = {~seed};
	for (int i = 0; i < MUTEXES; i++)
		make(i, &d);
	run_all(threads, work);
	for (int i = 0; i < MUTEXES; i++) {
		count += locks[i].count;
		insist(pthread_mutex_destroy(&locks[i].mutex) == 0);
	}
	insist(count == taken);
	return 0;
}
