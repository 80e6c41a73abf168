/*
 * Priority-protecting mutexes by threads of real-time priorities: one holder at a time, at least at the ceiling's priority
 * while it holds one, at its own again afterwards; refused where its priority is above the ceiling. Without the right
 * to set priorities there is nothing to see.
 */
#include "torture.h"

enum { LOCKS = 4, LOWEST = 2, TOP = 6 };

static struct {
	pthread_mutex_t mutex;
	bool inside;
	int ceiling; /* only the holder touches these */
	long count;
} locks[LOCKS];
static atomic_long taken;

static int priority_now(void)
{
	struct sched_param p;

	insist(sched_getparam(0, &p) == 0);
	return p.sched_priority;
}

static int take(pthread_mutex_t *m, struct dice *d)
{
	struct timespec ts;

	switch (pick(d, 4)) {
	case 0:
		return pthread_mutex_trylock(m);
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		return pthread_mutex_timedlock(m, &ts);
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 300));
		return pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &ts);
	default:
		return pthread_mutex_lock(m);
	}
}

/* True if the lock was not had in time: libc forgets then that it has raised the priority. */
static bool use(int i, int mine, bool raised, struct dice *d)
{
	int r = take(&locks[i].mutex, d), ceiling;

	if (r == EINVAL)
		insist(mine > LOWEST);
	if (r) {
		insist(r == EBUSY || r == ETIMEDOUT || r == EINVAL);
		return raised || r == ETIMEDOUT;
	}
	insist(!locks[i].inside && mine <= locks[i].ceiling);
	locks[i].inside = true;
	locks[i].count++;
	taken++;
	insist(pthread_mutex_getprioceiling(&locks[i].mutex, &ceiling) == 0 && ceiling == locks[i].ceiling);
	insist(priority_now() >= ceiling);
	dawdle(d);
	if (i + 1 < LOCKS && pick(d, 4) == 0)
		raised = use(i + 1, mine, raised, d);
	insist(priority_now() >= ceiling);
	locks[i].inside = false;
	insist(pthread_mutex_unlock(&locks[i].mutex) == 0);
	if (!raised && i == 0)
		insist(priority_now() == mine);
	return raised;
}

static void *work(void *dice)
{
	struct dice *d = dice;
	struct sched_param p = {1 + (int)pick(d, TOP)};
	bool raised = false;

	insist(pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) == 0);
	for (long n = 0; n < operations; n++)
		raised = use(pick(d, LOCKS), p.sched_priority, raised, d);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sched_param low = {1};
	pthread_mutexattr_t attr;
	long count = 0;
	int old;

	begin(argc, argv);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &low))
		return 0;
	struct dice d = {~seed};
	for (int i = 0; i < LOCKS; i++) {
		pthread_mutexattr_init(&attr);
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_PROTECT);
		pthread_mutexattr_settype(
		    &attr, pick(&d, 2) ? PTHREAD_MUTEX_ERRORCHECK : PTHREAD_MUTEX_NORMAL);
		pthread_mutexattr_setpshared(&attr, pick(&d, 4) == 0);
		pthread_mutexattr_setprioceiling(&attr, LOWEST);
		insist(pthread_mutex_init(&locks[i].mutex, &attr) == 0);
		locks[i].ceiling = LOWEST + pick(&d, TOP - LOWEST + 1);
		insist(pthread_mutex_setprioceiling(&locks[i].mutex, locks[i].ceiling, &old) == 0 &&
		       old == LOWEST);
	}
	run_all(threads, work);
	for (int i = 0; i < LOCKS; i++) {
		count += locks[i].count;
		insist(pthread_mutex_destroy(&locks[i].mutex) == 0);
	}
	insist(count == taken);
	return 0;
}
