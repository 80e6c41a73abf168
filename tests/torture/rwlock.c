/* Read-write locks of all kinds: a writer is alone, readers see no writer, everybody gets a turn. */
#include "torture.h"

enum { LOCKS = 6 };

static struct {
	pthread_rwlock_t lock;
	atomic_int readers, writers;
	long value, copy;
	int kind;
} locks[LOCKS];

static bool take(pthread_rwlock_t *l, bool write, struct dice *d)
{
	struct timespec ts;
	int r;

	switch (pick(d, 5)) {
	case 0:
		r = write ? pthread_rwlock_trywrlock(l) : pthread_rwlock_tryrdlock(l);
		insist(r == 0 || r == EBUSY);
		return r == 0;
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		r = write ? pthread_rwlock_timedwrlock(l, &ts) : pthread_rwlock_timedrdlock(l, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		return r == 0;
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 300));
		r = write ? pthread_rwlock_clockwrlock(l, CLOCK_MONOTONIC, &ts)
			  : pthread_rwlock_clockrdlock(l, CLOCK_MONOTONIC, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		return r == 0;
	default:
		insist((write ? pthread_rwlock_wrlock(l) : pthread_rwlock_rdlock(l)) == 0);
		return true;
	}
}

static void write_it(int i, struct dice *d)
{
	insist(locks[i].writers++ == 0 && locks[i].readers == 0);
	insist(pthread_rwlock_rdlock(&locks[i].lock) == EDEADLK);
	insist(pthread_rwlock_wrlock(&locks[i].lock) == EDEADLK);
	insist(locks[i].value == locks[i].copy);
	locks[i].value++;
	dawdle(d);
	locks[i].copy++;
	locks[i].writers--;
}

/* Who reads may read once more, whoever waits, but for the kind that lets writers go first: that may refuse. */
static void read_again(int i)
{
	int r;

	if (locks[i].kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) {
		r = pthread_rwlock_tryrdlock(&locks[i].lock);
		insist(r == 0 || r == EBUSY);
		if (r)
			return;
	} else {
		insist(pthread_rwlock_tryrdlock(&locks[i].lock) == 0);
		insist(pthread_rwlock_rdlock(&locks[i].lock) == 0);
		insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
	}
	insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
}

static void read_it(int i, struct dice *d)
{
	locks[i].readers++;
	insist(locks[i].writers == 0);
	insist(locks[i].value == locks[i].copy);
	dawdle(d);
	if (pick(d, 4) == 0)
		read_again(i);
	insist(locks[i].value == locks[i].copy);
	locks[i].readers--;
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		int i = pick(d, LOCKS);
		bool write = pick(d, 3) == 0;

		if (!take(&locks[i].lock, write, d))
			continue;
		if (write)
			write_it(i, d);
		else
			read_it(i, d);
		insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
	}
	return NULL;
}

static void *write_once(void *lock)
{
	insist(pthread_rwlock_wrlock(lock) == 0);
	insist(pthread_rwlock_unlock(lock) == 0);
	return NULL;
}

/* A writer that waits keeps new readers out of a lock of that kind, and only of that kind, private or shared. */
static void writers_first(void)
{
	pthread_t t;
	int r;

	for (int i = 0; i < LOCKS; i++) {
		insist(pthread_rwlock_rdlock(&locks[i].lock) == 0);
		insist(pthread_create(&t, NULL, write_once, &locks[i].lock) == 0);
		for (int n = 0; n < 20 || locks[i].kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
		     n++) {
			r = pthread_rwlock_tryrdlock(&locks[i].lock);
			if (r)
				break;
			insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
			usleep(50);
		}
		insist((r != 0) == (locks[i].kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
		insist(r == 0 || r == EBUSY);
		insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
		pthread_join(t, NULL);
	}
}

int main(int argc, char **argv)
{
	pthread_rwlockattr_t attr;

	begin(argc, argv);
	for (int i = 0; i < LOCKS; i++) {
		pthread_rwlockattr_init(&attr);
		locks[i].kind = i % 3;
		pthread_rwlockattr_setkind_np(&attr, locks[i].kind);
		if (i >= 3)
			pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
		insist(pthread_rwlock_init(&locks[i].lock, &attr) == 0);
	}
	run_all(threads, work);
	writers_first();
	for (int i = 0; i < LOCKS; i++) {
		insist(pthread_rwlock_trywrlock(&locks[i].lock) == 0);
		insist(pthread_rwlock_unlock(&locks[i].lock) == 0);
		insist(pthread_rwlock_destroy(&locks[i].lock) == 0);
	}
	return 0;
}
