/*
 * Read-write locks: readers together, writers alone, try and timed forms, errors, the writer-preferring kind.
 */
#include "check.h"

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static struct turn turn = TURN;
static pthread_barrier_t together;

static void *reader(void *arg)
{
	expect(pthread_rwlock_rdlock(&rw) == 0);
	pthread_barrier_wait(&together); /* all readers are in at once */
	expect(pthread_rwlock_unlock(&rw) == 0);
	return arg;
}

static void *writer(void *arg)
{
	expect(pthread_rwlock_wrlock(&rw) == 0);
	turn_set(&turn, 1);
	turn_wait(&turn, 2);
	expect(pthread_rwlock_unlock(&rw) == 0);
	return arg;
}

static void *late_reader(void *arg)
{
	expect(pthread_rwlock_rdlock(&rw) == 0);
	printf("reader\n");
	expect(pthread_rwlock_unlock(&rw) == 0);
	return arg;
}

static void *late_writer(void *arg)
{
	turn_set(&turn, 3);
	expect(pthread_rwlock_wrlock(&rw) == 0);
	printf("writer\n");
	expect(pthread_rwlock_unlock(&rw) == 0);
	return arg;
}

static void *try_write_while_reading(void *arg)
{
	(void)arg;
	tell_error(pthread_rwlock_trywrlock(&rw));
	tell_error(pthread_rwlock_tryrdlock(&rw));
	return NULL;
}

static void errors(void)
{
	struct timespec at, past = {1, 0}, bad = {1, 1000000000};
	pthread_t t = start(writer, NULL);

	turn_wait(&turn, 1);
	tell_error(pthread_rwlock_tryrdlock(&rw));
	tell_error(pthread_rwlock_trywrlock(&rw));
	tell_error(pthread_rwlock_timedrdlock(&rw, &past));
	tell_error(pthread_rwlock_timedwrlock(&rw, &bad));
	at = clock_in(CLOCK_REALTIME, 20);
	tell_error(pthread_rwlock_timedrdlock(&rw, &at));
	at = clock_in(CLOCK_REALTIME, 20);
	tell_error(pthread_rwlock_timedwrlock(&rw, &at));
	at = clock_in(CLOCK_MONOTONIC, 20);
	tell_error(pthread_rwlock_clockrdlock(&rw, CLOCK_MONOTONIC, &at));
	at = clock_in(CLOCK_MONOTONIC, 20);
	tell_error(pthread_rwlock_clockwrlock(&rw, CLOCK_MONOTONIC, &at));
	turn_set(&turn, 2);
	join(t);
	tell_error(pthread_rwlock_wrlock(&rw));
	tell_error(pthread_rwlock_wrlock(&rw));
	tell_error(pthread_rwlock_rdlock(&rw));
	tell_error(pthread_rwlock_unlock(&rw));
}

static void writer_preference(void)
{
	pthread_rwlockattr_t attr;
	pthread_t w, r;

	pthread_rwlockattr_init(&attr);
	expect(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
	expect(pthread_rwlock_init(&rw, &attr) == 0);
	expect(pthread_rwlock_rdlock(&rw) == 0);
	w = start(late_writer, NULL);
	turn_wait(&turn, 3);
	while (pthread_rwlock_tryrdlock(&rw) == 0) { /* until the writer queues */
		pthread_rwlock_unlock(&rw);
		sched_yield();
	}
	r = start(late_reader, NULL);
	let_block();
	expect(pthread_rwlock_unlock(&rw) == 0);
	join(w);
	join(r);
}

/* One writer of many process-shared locks: each knows its writer, and so does nobody else. */
enum { MANY = 7 };
static pthread_rwlock_t preferring;

static void *gives_up(void *arg)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, 200);

	expect(pthread_rwlock_timedwrlock(&preferring, &soon) == ETIMEDOUT);
	return arg;
}

static void *reads_then(void *arg)
{
	expect(pthread_rwlock_rdlock(&preferring) == 0);
	expect(pthread_rwlock_unlock(&preferring) == 0);
	return arg;
}

/* A reader that was held back for a writer that gives up gets in beside the other. */
static void writer_gives_up(void)
{
	pthread_rwlockattr_t attr;
	pthread_t writer, reader;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	expect(pthread_rwlock_init(&preferring, &attr) == 0);
	expect(pthread_rwlock_rdlock(&preferring) == 0);
	writer = start(gives_up, NULL);
	let_block();
	reader = start(reads_then, NULL);
	join(writer);
	join(reader);
	puts("the writer has given up, the reader got in");
	expect(pthread_rwlock_unlock(&preferring) == 0);
	expect(pthread_rwlock_destroy(&preferring) == 0);
}

static pthread_rwlock_t shared[MANY];

static void *try_them(void *arg)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, 5);

	for (int i = 0; i < MANY; i++) {
		expect(pthread_rwlock_trywrlock(&shared[i]) == EBUSY &&
		       pthread_rwlock_tryrdlock(&shared[i]) == EBUSY);
		expect(pthread_rwlock_timedrdlock(&shared[i], &soon) == ETIMEDOUT);
		expect(pthread_rwlock_timedwrlock(&shared[i], &soon) == ETIMEDOUT);
	}
	return arg;
}

static void *write_many(void *arg)
{
	struct timespec invalid = {1, 2000000000};

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			expect(pthread_rwlock_timedwrlock(&shared[i], &invalid) == EINVAL);
			expect((round ? pthread_rwlock_trywrlock : pthread_rwlock_wrlock)(&shared[i]) == 0);
		}
		for (int i = 0; i < MANY; i++) {
			expect(pthread_rwlock_wrlock(&shared[i]) == EDEADLK);
			expect(pthread_rwlock_rdlock(&shared[i]) == EDEADLK);
		}
		join(start(try_them, NULL));
		for (int i = 0; i < MANY; i++)
			expect(pthread_rwlock_unlock(&shared[i]) == 0);
	}
	return arg;
}

static void shared_ones(void)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < MANY; i++)
		expect(pthread_rwlock_init(&shared[i], &attr) == 0);
	join(start(write_many, NULL));
	write_many(NULL);
}

int main(void)
{
	pthread_t t[6];

	errors();
	pthread_barrier_init(&together, NULL, 6);
	for (int i = 0; i < 6; i++)
		t[i] = start(reader, NULL);
	for (int i = 0; i < 6; i++)
		join(t[i]);
	printf("six readers were in together\n");
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_rdlock(&rw);
	join(start(try_write_while_reading, NULL));
	pthread_rwlock_unlock(&rw); /* the other thread's, which ended without giving it back */
	pthread_rwlock_unlock(&rw);
	pthread_rwlock_unlock(&rw);
	tell_error(pthread_rwlock_trywrlock(&rw));
	tell_error(pthread_rwlock_unlock(&rw));
	tell_error(pthread_rwlock_destroy(&rw));
	writer_preference();
	writer_gives_up();
	shared_ones();
	return 0;
}
