/*
 * Locks in memory shared by processes that both have several threads: mutexes of every kind, conditions, semaphores, read-write
 * locks and barriers exclude and wake across the border, an owner's end is noticed however it comes.
 *
 * With an argument it is the other process, and attaches to the file of that name.
 */
#include "check.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

extern char **environ;

enum { KINDS = 6, THREADS = 3, ROUNDS = 60, SIDES = 2 };

struct shared {
	pthread_mutex_t mutex[KINDS], doomed[4], gate;
	pthread_cond_t cond;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	sem_t sem;
	long count[KINDS], written, copy;
	atomic_int inside[KINDS], held, serial;
	int ball;
};
static struct shared *s;
static int side;

static void make_mutex(pthread_mutex_t *m, int type, bool robust, bool inherit)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_settype(&attr, type);
	if (robust)
		pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (inherit)
		pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	expect(pthread_mutex_init(m, &attr) == 0);
}

static void make_all(void)
{
	pthread_condattr_t cond;
	pthread_rwlockattr_t rwlock;
	pthread_barrierattr_t barrier;

	make_mutex(&s->mutex[0], PTHREAD_MUTEX_NORMAL, false, false);
	make_mutex(&s->mutex[1], PTHREAD_MUTEX_RECURSIVE, false, false);
	make_mutex(&s->mutex[2], PTHREAD_MUTEX_ERRORCHECK, false, false);
	make_mutex(&s->mutex[3], PTHREAD_MUTEX_NORMAL, true, false);
	make_mutex(&s->mutex[4], PTHREAD_MUTEX_NORMAL, false, true);
	make_mutex(&s->mutex[5], PTHREAD_MUTEX_RECURSIVE, true, true);
	for (int i = 0; i < 4; i++)
		make_mutex(&s->doomed[i], i % 2 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL, true, i >= 2);
	make_mutex(&s->gate, PTHREAD_MUTEX_ERRORCHECK, false, false);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	expect(pthread_cond_init(&s->cond, &cond) == 0);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	expect(pthread_rwlock_init(&s->rwlock, &rwlock) == 0);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	expect(pthread_barrier_init(&s->barrier, &barrier, SIDES * THREADS) == 0);
	expect(sem_init(&s->sem, 1, 2) == 0);
}

static void meet(void)
{
	if (pthread_barrier_wait(&s->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		s->serial++;
}

static void use_mutex(int k, int n)
{
	expect(pthread_mutex_lock(&s->mutex[k]) == 0);
	if (k == 1 || k == 5)
		expect(pthread_mutex_lock(&s->mutex[k]) == 0 && pthread_mutex_unlock(&s->mutex[k]) == 0);
	if (k == 2)
		expect(pthread_mutex_lock(&s->mutex[k]) == EDEADLK);
	expect(s->inside[k]++ == 0);
	if (n % 20 == 0)
		sched_yield();
	if (n % 30 == k)
		usleep(100);
	s->count[k]++;
	expect(--s->inside[k] == 0);
	expect(pthread_mutex_unlock(&s->mutex[k]) == 0);
}

static void use_others(int n)
{
	expect(sem_wait(&s->sem) == 0);
	expect(++s->held <= 2);
	if (n % 25 == 0)
		usleep(50);
	s->held--;
	expect(sem_post(&s->sem) == 0);
	if (n % 4 == 0) {
		expect(pthread_rwlock_wrlock(&s->rwlock) == 0);
		expect(pthread_rwlock_rdlock(&s->rwlock) == EDEADLK);
		s->written++;
		if (n % 20 == 0)
			sched_yield();
		s->copy++;
	} else {
		expect(pthread_rwlock_rdlock(&s->rwlock) == 0);
		expect(s->written == s->copy);
	}
	expect(pthread_rwlock_unlock(&s->rwlock) == 0);
}

/* The ball goes to and fro between the two sides, whatever thread of a side takes it. */
static void play(void)
{
	struct timespec late = clock_in(CLOCK_REALTIME, 20000);

	expect(pthread_mutex_lock(&s->gate) == 0);
	while (s->ball < SIDES * ROUNDS) {
		if (s->ball % SIDES == side) {
			s->ball++;
			expect(pthread_cond_broadcast(&s->cond) == 0);
		} else {
			expect(pthread_cond_timedwait(&s->cond, &s->gate, &late) == 0);
		}
	}
	expect(pthread_mutex_unlock(&s->gate) == 0);
}

static void *work(void *arg)
{
	(void)arg;
	meet();
	for (int n = 0; n < ROUNDS; n++) {
		for (int k = 0; k < KINDS; k++)
			use_mutex(k, n);
		use_others(n);
	}
	meet();
	play();
	return NULL;
}

static void work_all(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = start(work, NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
}

/* Ends with locks held: the first two by the end of a thread, the others by the end of the process. */
static void *take_two(void *arg)
{
	int from = *(int *)arg;

	expect(pthread_mutex_lock(&s->doomed[from]) == 0);
	expect(pthread_mutex_lock(&s->doomed[from + 1]) == 0);
	if (from == 2) {
		s->held = 1000;
		sem_post(&s->sem);
		for (;;)
			sleep_ms(1000);
	}
	return NULL;
}

static int other_side(const char *file)
{
	static int first = 0, second = 2;
	int fd = open(file, O_RDWR);

	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(s != MAP_FAILED);
	side = 1;
	work_all();
	join(start(take_two, &first));
	join(start(take_two, &second));
	return 1;
}

static pid_t start_other(char *self, char *file)
{
	char *argv[] = {self, file, NULL};
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid == 0) {
		char **env = getenv("OTHER_SIDE_PLAIN") ? (char *[]){NULL} : environ;
		execve("/proc/self/exe", argv, env);
		_exit(98);
	}
	return pid;
}

int main(int argc, char **argv)
{
	char file[] = "/tmp/sync_shared.XXXXXX";
	int fd, status;
	pid_t pid;

	if (argc > 1)
		return other_side(argv[1]);
	fd = mkstemp(file);
	expect(fd >= 0 && ftruncate(fd, sizeof *s) == 0);
	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(s != MAP_FAILED);
	make_all();
	pid = start_other(argv[0], file);
	work_all();
	for (int k = 0; k < KINDS; k++)
		printf("kind %d: %ld\n", k, s->count[k]);
	while (s->held < 1000)
		sem_wait(&s->sem);
	printf("written %ld, serial %d, ball %d\n", s->written, s->serial, s->ball);
	tell_error(pthread_mutex_lock(&s->doomed[0]));
	tell_error(pthread_mutex_lock(&s->doomed[1]));
	tell_error(pthread_mutex_trylock(&s->doomed[2]));
	kill(pid, SIGKILL);
	expect(waitpid(pid, &status, 0) == pid);
	printf("ended by signal %d\n", WTERMSIG(status));
	tell_error(pthread_mutex_lock(&s->doomed[2]));
	tell_error(pthread_mutex_trylock(&s->doomed[3]));
	tell_error(pthread_mutex_consistent(&s->doomed[3]));
	for (int i = 0; i < 4; i++)
		tell_error(pthread_mutex_unlock(&s->doomed[i]));
	for (int i = 0; i < 4; i++)
		tell_error(pthread_mutex_lock(&s->doomed[i]));
	unlink(file);
	return 0;
}
