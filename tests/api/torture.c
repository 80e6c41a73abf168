/* Random operations on all objects, by greenlets, threads and functions on carriers, that are killed, timed out and have
 * objects freed under them. Nothing may be lost, stuck or left over. torture [seed [rounds]] */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

enum { SLOTS = 4, WORKERS = 16, OPS = 24, THREADS = 2 };

static unsigned long seed, state;
static struct vv_event *events[SLOTS];
static struct vv_result *results[SLOTS];
static struct vv_queue *queues[SLOTS];
static struct vv_semaphore *semaphores[SLOTS];
static struct vv_lock *locks[SLOTS];
static struct vv_condition *conditions[SLOTS];
static struct vv_greenlet *greenlets[SLOTS];
static struct vv_group *groups[SLOTS];
static struct vv_local *local;
static int pipes[2];

/* Kept by the whole round: what goes in must come out. */
static struct vv_queue *kept;
static struct vv_semaphore *two;
static _Atomic long put_in, taken_out;
static _Atomic int inside;

static unsigned random_number(unsigned n)
{
	unsigned long old = __atomic_load_n(&state, __ATOMIC_RELAXED);

	old = old * 6364136223846793005ul + 1442695040888963407ul;
	__atomic_store_n(&state, old, __ATOMIC_RELAXED);
	return (unsigned)(old >> 33) % n;
}

static int64_t some_time(void)
{
	return random_number(3) ? VV_US(random_number(300)) : 0;
}

#define SLOT(array) array[random_number(SLOTS)]
#define REPLACE(slot, release, make)                                                                         \
	do {                                                                                                 \
		__typeof__(slot) *at = &(slot), old = __atomic_exchange_n(at, NULL, __ATOMIC_SEQ_CST);       \
		if (old) {                                                                                   \
			release(old);                                                                        \
			__atomic_store_n(at, make, __ATOMIC_SEQ_CST);                                        \
		}                                                                                            \
	} while (0)

static void *nap(void *unused)
{
	vv_sleep(VV_US(random_number(500)));
	if (!random_number(4))
		vv_fail(EIO, "bad luck");
	return NULL;
}

static void *native(void *unused)
{
	vv_event_set(SLOT(events));
	vv_queue_put(SLOT(queues), NULL, 0);
	vv_semaphore_release(SLOT(semaphores));
	vv_result_set(SLOT(results), NULL);
	vv_event_wait(SLOT(events), VV_US(100));
	return NULL;
}

static void ignore(struct vv_greenlet *g, void *unused)
{
}

static void quiet(struct vv_greenlet *g, int error, const char *message)
{
	expect(error == EIO && strcmp(message, "bad luck") == 0);
}

static void leave(void *semaphore)
{
	inside--;
	expect(vv_semaphore_release(semaphore) == 0);
}

static void two_at_most(void)
{
	if (vv_semaphore_acquire(two, some_time()) != 0)
		return;
	pthread_cleanup_push(leave, two);
	expect(++inside <= 2);
	vv_sleep(some_time());
	pthread_cleanup_pop(1);
}

static void transfer(void)
{
	void *item;

	if (random_number(2)) {
		if (vv_queue_put(kept, NULL, some_time()) == 0)
			put_in++;
	} else if (vv_queue_get(kept, &item, some_time()) == 0) {
		taken_out++;
	}
}

static void release(void *lock)
{
	vv_lock_release(lock);
}

static void under_lock(void)
{
	struct vv_lock *l = SLOT(locks);

	if (vv_lock_acquire(l, some_time()) != 0)
		return;
	pthread_cleanup_push(release, l);
	if (random_number(2))
		vv_sleep(some_time());
	pthread_cleanup_pop(1);
}

static void on_condition(void)
{
	struct vv_condition *c = SLOT(conditions);
	struct vv_lock *l = vv_condition_lock(c);

	if (vv_lock_acquire(l, some_time()) != 0)
		return;
	pthread_cleanup_push(release, l);
	if (random_number(2))
		vv_condition_wait(c, some_time());
	else
		vv_condition_notify(c, (int)random_number(3) - 1);
	pthread_cleanup_pop(1);
}

static void with_limit(void)
{
	VV_TIMEOUT(limit, some_time(), random_number(2) ? EPROTO : 0);
	void *item;

	vv_queue_get(SLOT(queues), &item, VV_MS(1));
	if (!random_number(8))
		vv_timeout_restart(limit, some_time());
}

static void free_map(void *map)
{
	vv_imap_free(map);
}

static void with_group(void)
{
	struct vv_group *p = SLOT(groups);
	struct vv_greenlet *g = vv_group_spawn(p, nap, NULL, some_time());
	void *items[3] = {NULL};
	struct vv_imap *m;

	vv_greenlet_free(g);
	switch (random_number(5)) {
	case 0:
		vv_group_join(p, some_time());
		break;
	case 1:
		vv_group_kill(p, VV_MS(1));
		break;
	case 2:
		if (!(m = vv_group_imap_unordered(p, nap, items, 3)))
			break;
		pthread_cleanup_push(free_map, m);
		vv_imap_next(m, NULL, some_time());
		pthread_cleanup_pop(1);
		break;
	default:
		break;
	}
}

static void wait_for_several(void)
{
	void *objects[] = {
	    SLOT(events), SLOT(results), SLOT(queues), SLOT(semaphores), SLOT(greenlets), SLOT(groups)};

	vv_wait(objects, 6, 1 + random_number(6), some_time(), NULL);
}

static void replace_something(void)
{
	switch (random_number(8)) {
	case 0:
		REPLACE(SLOT(events), vv_event_free, vv_event_new());
		break;
	case 1:
		REPLACE(SLOT(results), vv_result_free, vv_result_new());
		break;
	case 2:
		REPLACE(SLOT(queues), vv_queue_free, vv_queue_new(random_number(4), random_number(3)));
		break;
	case 3:
		REPLACE(SLOT(semaphores), vv_semaphore_free, vv_semaphore_new(random_number(3)));
		break;
	case 4:
		REPLACE(SLOT(locks), vv_lock_free, vv_lock_new());
		break;
	case 5:
		REPLACE(SLOT(conditions), vv_condition_free, vv_condition_new(NULL));
		break;
	case 6:
		REPLACE(SLOT(groups), vv_group_free, vv_pool_new(1 + random_number(3)));
		break;
	default:
		REPLACE(SLOT(greenlets), vv_greenlet_free, vv_spawn_later(some_time(), nap, NULL));
	}
}

static void operate(void)
{
	void *value;
	char c = 0;

	switch (random_number(24)) {
	case 0:
		vv_event_set(SLOT(events));
		break;
	case 1:
		vv_event_clear(SLOT(events));
		break;
	case 2:
		vv_event_wait(SLOT(events), some_time());
		break;
	case 3:
		random_number(2) ? vv_result_set(SLOT(results), NULL) : vv_result_fail(SLOT(results), EIO);
		break;
	case 4:
		vv_result_get(SLOT(results), &value, some_time());
		break;
	case 5:
		vv_queue_put_priority(SLOT(queues), NULL, random_number(5), some_time());
		break;
	case 6:
		vv_queue_get(SLOT(queues), &value, some_time());
		break;
	case 7:
		vv_queue_peek(SLOT(queues), &value, some_time());
		break;
	case 8:
		vv_queue_task_done(SLOT(queues));
		vv_queue_join(SLOT(queues), some_time());
		break;
	case 9:
		if (!random_number(8))
			vv_queue_shutdown(SLOT(queues), (int)random_number(2));
		break;
	case 10:
		vv_semaphore_acquire(SLOT(semaphores), some_time());
		break;
	case 11:
		vv_semaphore_release(SLOT(semaphores));
		break;
	case 12:
		under_lock();
		break;
	case 13:
		on_condition();
		break;
	case 14:
		vv_join(SLOT(greenlets), some_time());
		break;
	case 15:
		vv_kill(SLOT(greenlets), some_time());
		break;
	case 16:
		vv_link(SLOT(greenlets), ignore, NULL);
		break;
	case 17:
		with_group();
		break;
	case 18:
		with_limit();
		break;
	case 19:
		wait_for_several();
		break;
	case 20:
		vv_local_set(local, "value");
		expect(vv_local_get(local, &value) == 0 && strcmp(value, "value") == 0);
		break;
	case 21:
		if (!random_number(4))
			vv_blocking(native, NULL);
		break;
	case 22:
		if (random_number(2))
			expect(write(pipes[1], &c, 1) == 1 || errno == EAGAIN || errno == ETIME);
		else if (vv_wait_read(pipes[0], some_time()) == 0)
			expect(read(pipes[0], &c, 1) == 1 || errno == EAGAIN || errno == ETIME);
		break;
	default:
		replace_something();
	}
}

static void *work(void *unused)
{
	for (int i = 0; i < OPS; i++) {
		two_at_most();
		transfer();
		operate();
		vv_yield();
	}
	return NULL;
}

static void *thread(void *unused)
{
	for (int i = 0; i < OPS; i++) {
		transfer();
		native(NULL);
		sched_yield();
	}
	return NULL;
}

static void make_all(void)
{
	for (int i = 0; i < SLOTS; i++) {
		events[i] = vv_event_new();
		results[i] = vv_result_new();
		queues[i] = vv_queue_new(i, 2);
		semaphores[i] = vv_semaphore_new(1);
		locks[i] = vv_lock_new();
		conditions[i] = vv_condition_new(NULL);
		greenlets[i] = vv_spawn(nap, NULL);
		groups[i] = vv_pool_new(2);
	}
	kept = vv_queue_new(random_number(2) ? VV_FIFO : VV_PRIORITY, 3);
	two = vv_semaphore_new_bounded(2);
	local = vv_local_new(NULL, NULL);
}

static void free_all(void)
{
	for (int i = 0; i < SLOTS; i++) {
		vv_group_kill(groups[i], VV_FOREVER);
		vv_kill(greenlets[i], VV_FOREVER);
		vv_greenlet_free(greenlets[i]);
		vv_group_free(groups[i]);
		vv_event_free(events[i]);
		vv_result_free(results[i]);
		vv_queue_free(queues[i]);
		vv_semaphore_free(semaphores[i]);
		vv_lock_free(locks[i]);
		vv_condition_free(conditions[i]);
	}
	vv_queue_free(kept);
	vv_semaphore_free(two);
	vv_local_free(local);
}

static void round_of_torture(void)
{
	struct vv_group *workers = vv_group_new();
	pthread_t threads[THREADS];

	put_in = taken_out = inside = 0;
	make_all();
	for (int i = 0; i < WORKERS; i++)
		vv_greenlet_free(vv_group_spawn(workers, work, NULL, 0));
	for (int i = 0; i < THREADS; i++)
		expect(pthread_create(&threads[i], NULL, thread, NULL) == 0);
	if (random_number(2))
		vv_group_join(workers, VV_MS(1));
	else
		vv_group_join(workers, VV_S(20));
	expect(vv_group_kill(workers, VV_S(20)) == 0);
	for (int i = 0; i < THREADS; i++)
		expect(pthread_join(threads[i], NULL) == 0);
	expect(vv_group_size(workers) == 0);
	expect(put_in == taken_out + vv_queue_size(kept));
	expect(vv_semaphore_count(two) == 2 && inside == 0);
	free_all();
	vv_group_free(workers);
	for (int i = 0; vv_objects() && i < 5000; i++)
		vv_sleep(VV_US(200)); /* detached naps */
	if (vv_objects())
		fprintf(stderr, "seed %lu: %zu objects are left\n", seed, vv_objects());
	expect(vv_objects() == 0);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;

	expect(pipe2(pipes, O_NONBLOCK) == 0);
	vv_on_error(quiet);
	for (seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1; rounds--; seed++) {
		state = seed * 0x9e3779b97f4a7c15ul;
		round_of_torture();
	}
	return 0;
}
