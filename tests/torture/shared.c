/*
 * Objects in memory that several processes share, each with threads: mutexes of every kind, a condition, a read-write
 * lock, a barrier, semaphores with and without a name, waited for in every form. One holder at a time among all; a robust
 * mutex whose holder's process ends is recovered by one of the others.
 */
#include "torture.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MUTEXES = 6, PROCESSES = 3, TOKENS = 2 };

static struct all {
	struct {
		pthread_mutex_t mutex;
		int type;
		bool robust;
		atomic_int inside;
		long count;
	} locks[MUTEXES];
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	long sent, received;
	pthread_rwlock_t rwlock;
	atomic_int readers, writers;
	pthread_barrier_t barrier;
	atomic_long arrived;
	sem_t sem;
	atomic_int out, named_out;
	atomic_long taken, recovered, died;
} * all;
static sem_t *named;
static int per_process;

static void make(int i, struct dice *d)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};
	pthread_mutexattr_t attr;

	all->locks[i].type = types[pick(d, 3)];
	all->locks[i].robust = i == 0 || pick(d, 2);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_settype(&attr, all->locks[i].type);
	if (pick(d, 3) == 0)
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (all->locks[i].robust)
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	insist(pthread_mutex_init(&all->locks[i].mutex, &attr) == 0);
}

static bool take(int i, struct dice *d)
{
	pthread_mutex_t *m = &all->locks[i].mutex;
	struct timespec ts = in_us(CLOCK_REALTIME, pick(d, 500)), mono = in_us(CLOCK_MONOTONIC, pick(d, 500));
	int r;

	switch (pick(d, 4)) {
	case 0:
		r = pthread_mutex_trylock(m);
		break;
	case 1:
		r = pthread_mutex_timedlock(m, &ts);
		break;
	case 2:
		r = pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &mono);
		break;
	default:
		r = pthread_mutex_lock(m);
	}
	if (r == EOWNERDEAD) {
		insist(all->locks[i].robust && all->locks[i].inside == 1);
		all->locks[i].inside = 0;
		all->recovered++;
		insist(pthread_mutex_consistent(m) == 0);
		r = 0;
	}
	insist(r == 0 || r == EBUSY || r == ETIMEDOUT);
	return r == 0;
}

static void lock_one(struct dice *d)
{
	int i = pick(d, MUTEXES);

	if (!take(i, d))
		return;
	insist(all->locks[i].inside++ == 0);
	all->locks[i].count++;
	all->taken++;
	dawdle(d);
	insist(--all->locks[i].inside == 0);
	insist(pthread_mutex_unlock(&all->locks[i].mutex) == 0);
}

/* Everybody sends as many as it receives. */
static void pass_on(struct dice *d)
{
	struct timespec ts;
	int r;

	pthread_mutex_lock(&all->mutex);
	all->sent++;
	pthread_cond_signal(&all->cond);
	while (all->received == all->sent) {
		clockid_t clock = pick(d, 2) ? CLOCK_REALTIME : CLOCK_MONOTONIC;

		ts = in_us(clock, pick(d, 1000));
		r = pthread_cond_clockwait(&all->cond, &all->mutex, clock, &ts);
		insist(r == 0 || r == ETIMEDOUT);
	}
	all->received++;
	pthread_mutex_unlock(&all->mutex);
}

static int lock_to_read(struct dice *d)
{
	struct timespec real = in_us(CLOCK_REALTIME, pick(d, 500)),
			mono = in_us(CLOCK_MONOTONIC, pick(d, 500));

	switch (pick(d, 4)) {
	case 0:
		return pthread_rwlock_tryrdlock(&all->rwlock);
	case 1:
		return pthread_rwlock_timedrdlock(&all->rwlock, &real);
	case 2:
		return pthread_rwlock_clockrdlock(&all->rwlock, CLOCK_MONOTONIC, &mono);
	default:
		return pthread_rwlock_rdlock(&all->rwlock);
	}
}

static int lock_to_write(struct dice *d)
{
	struct timespec real = in_us(CLOCK_REALTIME, pick(d, 500)),
			mono = in_us(CLOCK_MONOTONIC, pick(d, 500));

	switch (pick(d, 4)) {
	case 0:
		return pthread_rwlock_trywrlock(&all->rwlock);
	case 1:
		return pthread_rwlock_timedwrlock(&all->rwlock, &real);
	case 2:
		return pthread_rwlock_clockwrlock(&all->rwlock, CLOCK_MONOTONIC, &mono);
	default:
		return pthread_rwlock_wrlock(&all->rwlock);
	}
}

static void read_or_write(struct dice *d)
{
	bool write = pick(d, 3) == 0;
	int r = write ? lock_to_write(d) : lock_to_read(d);

	insist(r == 0 || r == EBUSY || r == ETIMEDOUT);
	if (r)
		return;
	if (write)
		insist(all->writers++ == 0 && all->readers == 0);
	else
		insist(all->readers++ >= 0 && all->writers == 0);
	dawdle(d);
	if (write)
		all->writers--;
	else
		all->readers--;
	insist(pthread_rwlock_unlock(&all->rwlock) == 0);
}

static bool borrowed(sem_t *s, struct dice *d)
{
	struct timespec real = in_us(CLOCK_REALTIME, pick(d, 500)),
			mono = in_us(CLOCK_MONOTONIC, pick(d, 500));
	int r;

	switch (pick(d, 4)) {
	case 0:
		r = sem_trywait(s);
		break;
	case 1:
		r = sem_timedwait(s, &real);
		break;
	case 2:
		r = sem_clockwait(s, CLOCK_MONOTONIC, &mono);
		break;
	default:
		r = sem_wait(s);
	}
	insist(r == 0 || errno == EAGAIN || errno == ETIMEDOUT);
	return r == 0;
}

static void borrow(sem_t *s, atomic_int *out, struct dice *d)
{
	if (!borrowed(s, d))
		return;
	insist(++*out <= TOKENS);
	dawdle(d);
	--*out;
	insist(sem_post(s) == 0);
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		switch (pick(d, 6)) {
		case 0:
			pass_on(d);
			break;
		case 1:
			read_or_write(d);
			break;
		case 2:
			borrow(&all->sem, &all->out, d);
			break;
		case 3:
			borrow(named, &all->named_out, d);
			break;
		default:
			lock_one(d);
		}
	}
	all->arrived++;
	int r = pthread_barrier_wait(&all->barrier);
	insist(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
	insist(all->arrived == PROCESSES * per_process);
	return NULL;
}

/* A process that ends while one of its threads holds the first mutex. */
static void *hold(void *unused)
{
	struct dice d = {seed};

	(void)unused;
	while (!take(0, &d))
		;
	all->locks[0].inside = 1;
	all->died++;
	_exit(0);
}

static void die_with_lock(void)
{
	pthread_t t;

	if (fork() == 0) {
		pthread_create(&t, NULL, hold, NULL);
		pause();
	}
}

static void set_up(struct dice *d)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	pthread_rwlockattr_t rwlock;
	pthread_barrierattr_t barrier;
	char name[40];

	for (int i = 0; i < MUTEXES; i++)
		make(i, d);
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&all->mutex, &mutex);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&all->cond, &cond);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	pthread_rwlockattr_setkind_np(&rwlock, pick(d, 3));
	pthread_rwlock_init(&all->rwlock, &rwlock);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&all->barrier, &barrier, PROCESSES * per_process);
	sem_init(&all->sem, 1, TOKENS);
	snprintf(name, sizeof name, "/torture-%d", getpid());
	named = sem_open(name, O_CREAT | O_EXCL, 0600, TOKENS);
	insist(named != SEM_FAILED);
	sem_unlink(name);
}

int main(int argc, char **argv)
{
	long count = 0;
	int status, left = PROCESSES;

	begin(argc, argv);
	if (argc < 3)
		operations = 60;
	per_process = 1 + threads % 6;
	all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	insist(all != MAP_FAILED);
	struct dice d = {~seed};
	set_up(&d);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			alarm(600);
			seed = seed * 7 + i;
			run_all(per_process, work);
			_exit(0);
		}
	die_with_lock();
	for (left++; left > 0; left--) {
		insist(wait(&status) > 0);
		insist(status == 0);
	}
	insist(all->died == 1 && all->recovered <= 1 && all->sent == all->received);
	for (int i = 0; i < MUTEXES; i++)
		count += all->locks[i].count;
	insist(count == all->taken);
	return 0;
}
