/*
 * Threads that end with robust mutexes of every kind held, in every way, while others lock them, try, wait for a while or
 * wait on a condition: each death is learned of once, by the next one to get the mutex. In the end each mutex is lost to
 * all that wait for it.
 */
#include "torture.h"

enum { LOCKS = 8 };

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	int type;
	bool inside; /* only the holder touches it */
	atomic_long deaths, learned;
} locks[LOCKS];

static void make(int i, struct dice *d)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};
	pthread_mutexattr_t attr;

	locks[i].type = types[pick(d, 3)];
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_settype(&attr, locks[i].type);
	pthread_mutexattr_setprotocol(&attr, pick(d, 2) ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE);
	pthread_mutexattr_setpshared(&attr, pick(d, 3) == 0);
	insist(pthread_mutex_init(&locks[i].mutex, &attr) == 0);
	insist(pthread_cond_init(&locks[i].cond, NULL) == 0);
}

/* What an answer means: true if the mutex is held now. */
static bool answered(int i, int r)
{
	if (r == EOWNERDEAD) {
		insist(locks[i].inside);
		locks[i].inside = false;
		locks[i].learned++;
		insist(pthread_mutex_consistent(&locks[i].mutex) == 0);
		insist(pthread_mutex_consistent(&locks[i].mutex) == EINVAL);
		r = 0;
	}
	insist(r == 0 || r == EBUSY || r == ETIMEDOUT);
	insist(r || !locks[i].inside);
	return r == 0;
}

static bool take(int i, struct dice *d)
{
	pthread_mutex_t *m = &locks[i].mutex;
	struct timespec ts;

	switch (pick(d, 4)) {
	case 0:
		return answered(i, pthread_mutex_trylock(m));
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		return answered(i, pthread_mutex_timedlock(m, &ts));
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 300));
		return answered(i, pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &ts));
	default:
		return answered(i, pthread_mutex_lock(m));
	}
}

/* A wait ends with what locking the mutex again says. */
static void wait_on(int i, struct dice *d)
{
	struct timespec ts = in_us(CLOCK_REALTIME, pick(d, 300));
	int r;

	locks[i].inside = false;
	r = pthread_cond_timedwait(&locks[i].cond, &locks[i].mutex, &ts);
	insist(answered(i, r == ETIMEDOUT ? 0 : r));
	locks[i].inside = true;
}

static void use(int i, struct dice *d)
{
	if (!take(i, d))
		return;
	locks[i].inside = true;
	if (locks[i].type == PTHREAD_MUTEX_ERRORCHECK)
		insist(pthread_mutex_lock(&locks[i].mutex) == EDEADLK);
	if (locks[i].type == PTHREAD_MUTEX_RECURSIVE)
		insist(
		    pthread_mutex_lock(&locks[i].mutex) == 0 && pthread_mutex_unlock(&locks[i].mutex) == 0);
	dawdle(d);
	if (pick(d, 4) == 0)
		wait_on(i, d);
	if (pick(d, 2))
		pthread_cond_signal(&locks[i].cond);
	locks[i].inside = false;
	insist(pthread_mutex_unlock(&locks[i].mutex) == 0);
}

static void *die(void *dice)
{
	struct dice *d = dice;

	for (int i = pick(d, LOCKS), n = pick(d, 4); n > 0 && i < LOCKS; n--, i++) {
		if (!take(i, d))
			continue;
		locks[i].inside = true;
		locks[i].deaths++;
		if (locks[i].type == PTHREAD_MUTEX_RECURSIVE && pick(d, 2))
			insist(pthread_mutex_lock(&locks[i].mutex) == 0);
	}
	dawdle(d);
	switch (pick(d, 3)) {
	case 0:
		pthread_exit(NULL);
	case 1:
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	return NULL;
}

static void *work(void *dice)
{
	struct dice *d = dice, deaths[4];
	pthread_t dying[4];
	unsigned born = 0;

	for (long n = 0; n < operations; n++) {
		if (pick(d, 20)) {
			use(pick(d, LOCKS), d);
			continue;
		}
		if (born >= 4)
			insist(pthread_join(dying[born % 4], NULL) == 0);
		deaths[born % 4].state = roll(d);
		insist(pthread_create(&dying[born % 4], NULL, die, &deaths[born % 4]) == 0);
		born++;
	}
	for (unsigned i = born < 4 ? 0 : born - 4; i < born; i++)
		insist(pthread_join(dying[i % 4], NULL) == 0);
	return NULL;
}

/* The first to get it does not repair it. */
static void *find_it_lost(void *index)
{
	int i = (long)index, r = pthread_mutex_lock(&locks[i].mutex);

	insist(r == (locks[i].learned++ == 0 ? EOWNERDEAD : ENOTRECOVERABLE));
	if (r == EOWNERDEAD)
		insist(pthread_mutex_unlock(&locks[i].mutex) == 0);
	return NULL;
}

/* libc itself wakes one of those who wait for a mutex that is lost, and no more. */
static void *take_to_the_grave(void *index)
{
	int i = (long)index;
	pthread_t *t = malloc(2 * sizeof *t);

	insist(answered(i, pthread_mutex_lock(&locks[i].mutex)));
	locks[i].learned = 0;
	for (int n = 0; n < 2; n++)
		insist(pthread_create(&t[n], NULL, find_it_lost, index) == 0);
	sched_yield();
	return t;
}

static void lose(long i)
{
	pthread_t t, *waiting;

	insist(pthread_create(&t, NULL, take_to_the_grave, (void *)i) == 0);
	insist(pthread_join(t, (void **)&waiting) == 0);
	for (int n = 0; n < 2; n++)
		insist(pthread_join(waiting[n], NULL) == 0);
	free(waiting);
	insist(locks[i].learned == 2);
	insist(pthread_mutex_lock(&locks[i].mutex) == ENOTRECOVERABLE);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	struct dice d = {~seed};
	for (int i = 0; i < LOCKS; i++)
		make(i, &d);
	run_all(threads, work);
	for (int i = 0; i < LOCKS; i++) {
		insist(answered(i, pthread_mutex_lock(&locks[i].mutex)));
		insist(locks[i].learned == locks[i].deaths);
		insist(pthread_mutex_unlock(&locks[i].mutex) == 0);
		lose(i);
		insist(pthread_mutex_destroy(&locks[i].mutex) == 0);
	}
	return 0;
}
