/*
 * Threads come and go in every way: joined, timed, tried, detached by themselves or by others, cancelled while they lock,
 * wait, sleep, read or compute, ended by pthread_exit. Each runs its clean-up handlers and destructors of keys once, no
 * mutex stays locked, no value is lost, and a routine that was cancelled inside once runs again.
 */
#include "torture.h"

#include <semaphore.h>

enum { KEYS = 4 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t empty;
static int pipes[2];
static pthread_key_t keys[KEYS];
static atomic_long begun, ended, set, destroyed, inside;

struct life {
	struct dice dice;
	pthread_once_t *once;
	atomic_int *routines;
};

static _Thread_local struct life *mine;

static void destroy(void *value)
{
	insist(value != NULL);
	destroyed++;
}

static void last(void *unused)
{
	(void)unused;
	ended++;
}

static void unlock(void *m)
{
	inside--;
	insist(pthread_mutex_unlock(m) == 0);
}

static void lock_and(void (*wait)(struct dice *), struct dice *d)
{
	pthread_mutex_lock(&mutex);
	insist(inside++ == 0);
	pthread_cleanup_push(unlock, &mutex);
	wait(d);
	pthread_cleanup_pop(1);
}

static void on_condition(struct dice *d)
{
	struct timespec ts = in_us(CLOCK_REALTIME, pick(d, 300));

	inside--;
	if (pick(d, 2))
		pthread_cond_timedwait(&never, &mutex, &ts);
	else
		pthread_cond_clockwait(&never, &mutex, CLOCK_MONOTONIC, &(struct timespec){0, 1});
	inside++;
}

/* Counts itself out again when it is cancelled in the wait: the handler of lock_and does. */
static void on_condition_safely(struct dice *d)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	on_condition(d);
	pthread_setcancelstate(state, NULL);
	pthread_testcancel();
}

static void leave(void *lock)
{
	pthread_rwlock_unlock(lock);
}

static void read_locked(struct dice *d)
{
	if (pick(d, 4) == 0)
		pthread_rwlock_wrlock(&rwlock);
	else
		pthread_rwlock_rdlock(&rwlock);
	pthread_cleanup_push(leave, &rwlock);
	dawdle(d);
	pthread_cleanup_pop(1);
}

static void routine(void)
{
	dawdle(&mine->dice);
	pthread_testcancel();
	++*mine->routines;
}

static void put(int key, void *value)
{
	set += pthread_getspecific(keys[key]) == NULL;
	insist(pthread_setspecific(keys[key], value) == 0);
}

static void step(struct dice *d)
{
	struct timespec ts;
	char c;

	switch (pick(d, 8)) {
	case 0:
		lock_and(dawdle, d);
		break;
	case 1:
		lock_and(on_condition_safely, d);
		break;
	case 2:
		read_locked(d);
		break;
	case 3:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		insist(sem_timedwait(&empty, &ts) == -1);
		break;
	case 4:
		usleep(pick(d, 100));
		break;
	case 5:
		if (pick(d, 4) == 0)
			insist(read(pipes[0], &c, 1) != 0); /* until it is cancelled */
		break;
	case 6:
		put(pick(d, KEYS), d);
		if (pick(d, 2))
			pthread_testcancel();
		break;
	case 7:
		pthread_once(mine->once, routine);
		break;
	}
}

static void *live(void *life)
{
	struct dice *d = &((struct life *)life)->dice;

	mine = life;
	begun++;
	pthread_cleanup_push(last, NULL);
	for (int n = pick(d, 12); n > 0; n--)
		step(d);
	for (int i = 0; i < KEYS; i++)
		put(i, d);
	if (pick(d, 3) == 0)
		pthread_exit(life);
	pthread_cleanup_pop(1);
	return life;
}

/* Make it known how t ended. */
static void finish(pthread_t t, struct life *life, bool cancelled, struct dice *d)
{
	unsigned way;
	void *value;

	while ((way = pick(d, 4)) < 3 && join_briefly(t, way, d, &value) != 0)
		sched_yield();
	if (way == 3) {
		insist(cancelled || pthread_cancel(t) == 0);
		insist(pthread_join(t, &value) == 0);
	}
	insist(value == life || value == PTHREAD_CANCELED);
}

static void *raise_children(void *dice)
{
	struct dice *d = dice;
	struct life *lives = calloc(operations, sizeof *lives);
	pthread_once_t *onces = calloc(operations, sizeof *onces);
	atomic_int *routines = calloc(operations, sizeof *routines);
	pthread_t t;

	insist(lives && onces && routines);
	for (long n = 0; n < operations; n++) {
		bool cancelled = false;

		lives[n] = (struct life){{roll(d)}, &onces[n / 3], &routines[n / 3]};
		insist(pthread_create(&t, NULL, live, &lives[n]) == 0);
		dawdle(d);
		if (pick(d, 2)) {
			insist(pthread_cancel(t) == 0);
			cancelled = true;
		}
		dawdle(d);
		if (cancelled && pick(d, 4) == 0)
			insist(pthread_detach(t) == 0);
		else
			finish(t, &lives[n], cancelled, d);
	}
	for (long n = 0; n < operations; n++)
		insist(routines[n] <= 1);
	return NULL; /* detached ones may use them still */
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	if (argc < 3)
		operations = 30;
	insist(pipe(pipes) == 0 && sem_init(&empty, 0, 0) == 0);
	for (int i = 0; i < KEYS; i++)
		insist(pthread_key_create(&keys[i], destroy) == 0);
	run_all(threads < 8 ? threads : 8, raise_children);
	while (ended < begun || destroyed < set)
		usleep(100); /* detached ones */
	insist(ended == begun && destroyed == set);
	insist(pthread_mutex_trylock(&mutex) == 0 && inside == 0);
	insist(pthread_rwlock_trywrlock(&rwlock) == 0);
	return 0;
}
