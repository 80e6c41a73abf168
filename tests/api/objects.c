/* Events, results, queues, locks, groups, locals, actors: what the header promises, misuse included. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static char text[256];

static void join(struct vv_greenlet *g)
{
	expect(vv_join(g, VV_FOREVER) == 0);
	vv_greenlet_free(g);
}

/* ---- waiting for what is freed: every kind wakes with an error ---- */

static struct {
	struct vv_event *event;
	struct vv_result *result;
	struct vv_queue *empty, *full, *tasks;
	struct vv_semaphore *semaphore;
	struct vv_lock *lock;
	struct vv_condition *condition;
	struct vv_group *group, *pool;
	struct vv_greenlet *greenlet;
} o;

static int in_order;

static void *wait_for_freed(void *which)
{
	void *item;
	int r = 0;

	switch ((long)which) {
	case 0:
		r = vv_event_wait(o.event, VV_FOREVER);
		break;
	case 1:
		r = vv_result_get(o.result, &item, VV_FOREVER);
		break;
	case 2:
		r = vv_queue_get(o.empty, &item, VV_FOREVER);
		break;
	case 3:
		r = vv_queue_put(o.full, NULL, VV_FOREVER);
		break;
	case 4:
		r = vv_queue_join(o.tasks, VV_FOREVER);
		break;
	case 5:
		r = vv_semaphore_acquire(o.semaphore, VV_FOREVER);
		break;
	case 6:
		r = vv_lock_acquire(o.lock, VV_FOREVER);
		break;
	case 7:
		vv_lock_acquire(vv_condition_lock(o.condition), VV_FOREVER);
		r = vv_condition_wait(o.condition, VV_FOREVER);
		break;
	case 8:
		r = vv_group_join(o.group, VV_FOREVER);
		break;
	case 9:
		r = vv_group_spawn(o.pool, wait_for_freed, (void *)99l, VV_FOREVER) ? 0 : -errno;
		break;
	case 10:
		r = vv_join(o.greenlet, VV_FOREVER);
		break;
	default:
		return NULL;
	}
	expect(r == -EBADF);
	in_order++;
	return NULL;
}

static void *sleep_long(void *unused)
{
	vv_sleep(VV_S(1000));
	return NULL;
}

static void freed_under_waiters(void)
{
	struct vv_greenlet *gs[11], *busy[2];

	o.event = vv_event_new();
	o.result = vv_result_new();
	o.empty = vv_queue_new(VV_FIFO, 0);
	o.full = vv_queue_new(VV_CHANNEL, 0);
	o.tasks = vv_queue_new(VV_FIFO, 0);
	vv_queue_put(o.tasks, NULL, 0);
	o.semaphore = vv_semaphore_new(0);
	o.lock = vv_lock_new();
	vv_lock_acquire(o.lock, 0);
	o.condition = vv_condition_new(NULL);
	o.group = vv_group_new();
	o.pool = vv_pool_new(1);
	o.greenlet = vv_spawn(sleep_long, NULL);
	busy[0] = vv_group_spawn(o.group, sleep_long, NULL, 0);
	busy[1] = vv_group_spawn(o.pool, sleep_long, NULL, 0);
	for (long i = 0; i < 11; i++)
		gs[i] = vv_spawn(wait_for_freed, (void *)i);
	vv_sleep(VV_MS(1));
	vv_kill(o.greenlet, 0);
	expect(vv_event_free(o.event) == 0 && vv_result_free(o.result) == 0 && vv_queue_free(o.empty) == 0);
	expect(
	    vv_queue_free(o.full) == 0 && vv_queue_free(o.tasks) == 0 && vv_semaphore_free(o.semaphore) == 0);
	expect(
	    vv_lock_free(o.lock) == 0 && vv_condition_free(o.condition) == 0 && vv_group_free(o.group) == 0);
	expect(vv_group_free(o.pool) == 0 && vv_greenlet_free(o.greenlet) == 0);
	for (int i = 0; i < 11; i++)
		join(gs[i]);
	expect(in_order == 11);
	for (int i = 0; i < 2; i++) {
		vv_kill(busy[i], VV_FOREVER);
		vv_greenlet_free(busy[i]);
	}
	expect(vv_event_set(o.event) == -EBADF && vv_event_free(o.event) == -EBADF &&
	       vv_lock_release(o.lock) == -EBADF);
	expect(vv_queue_put(o.full, NULL, 0) == -EBADF && vv_group_join(o.group, 0) == -EBADF);
}

/* ---- events, results ---- */

static void *await_event(void *event)
{
	expect(vv_event_wait(event, VV_FOREVER) == 0);
	in_order++;
	return NULL;
}

static void set_and_cleared_at_once(void)
{
	struct vv_event *e = vv_event_new();
	struct vv_greenlet *gs[3];

	in_order = 0;
	for (int i = 0; i < 3; i++)
		gs[i] = vv_spawn(await_event, e);
	vv_yield();
	expect(vv_event_set(e) == 0 && vv_event_clear(e) == 0 && vv_event_is_set(e) == 0);
	for (int i = 0; i < 3; i++)
		join(gs[i]);
	expect(in_order == 3 && vv_event_wait(e, VV_MS(1)) == -ETIMEDOUT && vv_event_wait(e, 0) == -EAGAIN);
	vv_event_free(e);
}

static void *fail(void *unused)
{
	vv_fail(EDOM, "as it should");
}

static void quiet(struct vv_greenlet *g, int error, const char *message)
{
}

static void results_carry_errors(void)
{
	struct vv_result *a = vv_result_new(), *b = vv_result_new();
	struct vv_greenlet *g = vv_spawn(fail, NULL);
	void *value;

	vv_on_error(quiet);
	expect(vv_result_ready(a) == 0 && vv_result_fail(a, -1) == -EINVAL && vv_result_fail(a, EIO) == 0);
	expect(vv_result_get(a, &value, 0) == -EIO && vv_result_set(a, "v") == 0);
	expect(vv_result_get(a, &value, 0) == 0 && strcmp(value, "v") == 0);
	expect(vv_result_from(b, g) == 0 && vv_result_get(b, &value, VV_FOREVER) == -EDOM);
	join(g);
	vv_on_error(NULL);
	vv_result_free(a);
	vv_result_free(b);
}

/* ---- queues ---- */

static void take_all(struct vv_queue *q, const char *expected)
{
	void *item;

	text[0] = 0;
	while (vv_queue_get(q, &item, 0) == 0)
		strcat(text, item);
	expect(strcmp(text, expected) == 0);
	vv_queue_free(q);
}

static void orders(void)
{
	struct vv_queue *f = vv_queue_new(VV_FIFO, 3), *l = vv_queue_new(VV_LIFO, 0),
			*p = vv_queue_new(VV_PRIORITY, 0);
	static const char *words[] = {"a", "b", "c", "d", "e", "f"};
	static const int priorities[] = {3, 1, 2, 1, 3, 0};
	void *item;

	for (int i = 0; i < 6; i++) {
		expect(vv_queue_put(f, (void *)words[i], 0) == (i < 3 ? 0 : -EAGAIN));
		vv_queue_put(l, (void *)words[i], 0);
		vv_queue_put_priority(p, (void *)words[i], priorities[i], 0);
	}
	expect(vv_queue_full(f) == 1 && vv_queue_size(l) == 6 && vv_queue_empty(p) == 0);
	expect(vv_queue_put(f, NULL, VV_MS(1)) == -ETIMEDOUT);
	expect(vv_queue_peek(p, &item, 0) == 0 && strcmp(item, "f") == 0);
	take_all(f, "abc");
	take_all(l, "fedcba");
	take_all(p, "fbdcae");
}

static void *put_into(void *channel)
{
	strcat(text, "put ");
	expect(vv_queue_put(channel, "item", VV_FOREVER) == 0);
	strcat(text, "taken ");
	return NULL;
}

static void channels_hand_over(void)
{
	struct vv_queue *q = vv_queue_new(VV_CHANNEL, 0);
	struct vv_greenlet *g;
	void *item;

	text[0] = 0;
	expect(vv_queue_put(q, "x", 0) == -EAGAIN && vv_queue_put(q, "x", VV_MS(1)) == -ETIMEDOUT);
	expect(vv_queue_size(q) == 0);
	g = vv_spawn(put_into, q);
	vv_yield();
	expect(vv_queue_get(q, &item, VV_FOREVER) == 0 && strcmp(item, "item") == 0);
	join(g);
	expect(strcmp(text, "put taken ") == 0);
	vv_queue_free(q);
}

static void *consume(void *queue)
{
	struct vv_queue *q = queue;

	VV_QUEUE_EACH(q, item)
	{
		strcat(text, item);
		vv_sleep(VV_MS(1));
		expect(vv_queue_task_done(q) == 0);
	}
	strcat(text, ".");
	return NULL;
}

static void tasks_and_shutdown(void)
{
	struct vv_queue *q = vv_queue_new(VV_FIFO, 0);
	struct vv_greenlet *g = vv_spawn(consume, q);
	void *item;

	text[0] = 0;
	vv_queue_put(q, "a", 0);
	vv_queue_put(q, "b", 0);
	expect(vv_queue_join(q, VV_FOREVER) == 0 && strcmp(text, "ab") == 0);
	expect(vv_queue_task_done(q) == -EINVAL);
	vv_queue_put(q, "c", 0);
	expect(vv_queue_shutdown(q, 0) == 0 && vv_queue_put(q, "d", 0) == -EPIPE);
	join(g);
	expect(strcmp(text, "abc.") == 0 && vv_queue_get(q, &item, VV_FOREVER) == -EPIPE);
	vv_queue_free(q);
}

/* ---- locks ---- */

static void *acquire(void *semaphore)
{
	static int number;
	int mine = ++number;

	expect(vv_semaphore_acquire(semaphore, VV_FOREVER) == 0);
	sprintf(text + strlen(text), "%d", mine);
	vv_semaphore_release(semaphore);
	return NULL;
}

static void semaphores_are_fair(void)
{
	struct vv_semaphore *s = vv_semaphore_new_bounded(1);
	struct vv_greenlet *gs[5];

	text[0] = 0;
	expect(vv_semaphore_acquire(s, 0) == 0 && vv_semaphore_acquire(s, 0) == -EAGAIN);
	for (int i = 0; i < 5; i++)
		gs[i] = vv_spawn(acquire, s);
	vv_yield();
	expect(vv_semaphore_release(s) == 0 && vv_semaphore_acquire(s, 0) == -EAGAIN);
	for (int i = 0; i < 5; i++)
		join(gs[i]);
	expect(strcmp(text, "12345") == 0 && vv_semaphore_count(s) == 1 &&
	       vv_semaphore_release(s) == -EOVERFLOW);
	vv_semaphore_free(s);
	expect(vv_semaphore_new_bounded(0) == NULL && errno == EINVAL);
}

static void *steal(void *lock)
{
	expect(vv_lock_release(lock) == -EPERM && vv_lock_acquire(lock, 0) == -EAGAIN &&
	       vv_lock_owned(lock) == 0);
	return NULL;
}

static void locks_belong_to_one(void)
{
	struct vv_lock *l = vv_lock_new();

	expect(vv_lock_acquire(l, 0) == 0 && vv_lock_acquire(l, 0) == 0 && vv_lock_owned(l) == 1);
	join(vv_spawn(steal, l));
	expect(vv_lock_release(l) == 0 && vv_lock_release(l) == 0 && vv_lock_release(l) == -EPERM);
	vv_lock_free(l);
}

static void *await_turn(void *condition)
{
	struct vv_lock *l = vv_condition_lock(condition);

	vv_lock_acquire(l, VV_FOREVER);
	expect(vv_condition_wait(condition, VV_FOREVER) == 0 && vv_lock_owned(l) == 1);
	strcat(text, "w");
	vv_lock_release(l);
	return NULL;
}

static void conditions(void)
{
	struct vv_condition *c = vv_condition_new(NULL);
	struct vv_greenlet *gs[3];

	text[0] = 0;
	for (int i = 0; i < 3; i++)
		gs[i] = vv_spawn(await_turn, c);
	vv_yield();
	expect(vv_condition_notify(c, 1) == -EPERM && vv_condition_wait(c, 1) == -EPERM);
	vv_lock_acquire(vv_condition_lock(c), VV_FOREVER);
	expect(vv_condition_notify(c, 1) == 1 && vv_condition_notify(c, -1) == 2 && text[0] == 0);
	expect(vv_condition_wait(c, VV_MS(1)) == -ETIMEDOUT && vv_lock_owned(vv_condition_lock(c)) == 1);
	vv_lock_release(vv_condition_lock(c));
	for (int i = 0; i < 3; i++)
		join(gs[i]);
	expect(strcmp(text, "www") == 0);
	vv_condition_free(c);
}

/* ---- locals ---- */

static int destroyed;

static void destroy(void *value)
{
	destroyed++;
	free(value);
}

static void *copy(void *value)
{
	return strdup(value);
}

static void *child(void *local)
{
	void *value;

	expect(vv_local_get(local, &value) == 0 && strcmp(value, "inherited") == 0);
	expect(vv_local_delete(local) == 0 && vv_local_get(local, &value) == -ENOENT);
	free(value);
	expect(vv_local_set(local, strdup("own")) == 0);
	return NULL;
}

static void locals_are_inherited_and_destroyed(void)
{
	struct vv_local *l = vv_local_new(destroy, copy);
	char *mine = strdup("inherited");

	expect(vv_local_set(l, mine) == 0);
	join(vv_spawn(child, l));
	vv_yield();
	expect(destroyed == 1);
	vv_local_delete(l);
	free(mine);
	vv_local_free(l);
}

/* ---- groups ---- */

static void *square(void *n)
{
	vv_sleep(VV_MS(3 - (long)n % 3));
	if ((long)n == 13)
		vv_fail(ERANGE, "unlucky");
	return (void *)((long)n * (long)n);
}

static void *respawn(void *group)
{
	for (;;) {
		vv_greenlet_free(vv_group_spawn(group, sleep_long, NULL, 0));
		vv_sleep(VV_MS(1));
	}
	return NULL;
}

static void groups(void)
{
	struct vv_group *p = vv_pool_new(2), *q = vv_group_new();
	void *items[4] = {(void *)2l, (void *)3l, (void *)13l, (void *)4l}, *values[4], *value;
	struct vv_greenlet *g = vv_spawn(sleep_long, NULL);

	vv_on_error(quiet);
	expect(vv_group_map(p, square, items, 4, values) == -ERANGE);
	expect((long)values[0] == 4 && (long)values[1] == 9 && (long)values[3] == 16);
	expect(vv_group_apply(p, square, (void *)5l, &value) == 0 && (long)value == 25);
	expect(vv_group_apply(p, square, (void *)13l, &value) == -ERANGE);
	vv_on_error(NULL);
	vv_idle(); /* those that have ended leave */
	expect(vv_group_add(q, g, 0) == 0 && vv_group_add(p, g, 0) == -EBUSY && vv_group_size(q) == 1);
	expect(
	    vv_group_discard(q, g) == 0 && vv_group_discard(q, g) == -ENOENT && vv_group_free_count(p) == 2);
	expect(vv_group_add(p, g, 0) == 0 && vv_group_free_count(p) == 1);
	vv_greenlet_free(vv_group_spawn(q, respawn, q, 0));
	vv_sleep(VV_MS(4));
	expect(vv_group_size(q) > 2 && vv_group_kill(q, VV_FOREVER) == 0 && vv_group_size(q) == 0);
	expect(vv_group_kill(p, VV_FOREVER) == 0 && vv_ready(g) == 1);
	vv_greenlet_free(g);
	vv_group_free(p);
	vv_group_free(q);
}

/* ---- threads and greenlets in one process ---- */

static void *thread(void *queue)
{
	void *item;

	for (long i = 0; i < 1000; i++)
		expect(vv_queue_put(queue, (void *)i, VV_FOREVER) == 0);
	expect(vv_queue_get(queue, &item, 0) <= 0);
	return vv_current();
}

static void *count(void *queue)
{
	long n = 0;

	VV_QUEUE_EACH(queue, item)
	n++;
	return (void *)n;
}

static void threads_and_greenlets(void)
{
	struct vv_queue *q = vv_queue_new(VV_FIFO, 10);
	struct vv_greenlet *g = vv_spawn(count, q);
	pthread_t threads[4];
	void *n, *self, *left;
	long taken = 0;

	for (int i = 0; i < 4; i++)
		expect(pthread_create(&threads[i], NULL, thread, q) == 0);
	for (int i = 0; i < 4; i++)
		expect(pthread_join(threads[i], &self) == 0 && self != vv_current());
	while (vv_queue_get(q, &left, 0) == 0)
		taken++;
	vv_queue_shutdown(q, 0);
	expect(vv_get(g, &n, VV_FOREVER) == 0 && (long)n + taken <= 4000 && (long)n + taken >= 3996);
	vv_greenlet_free(g);
	vv_queue_free(q);
}

static void *compute(void *event)
{
	usleep(1000);
	vv_event_set(event);
	expect(vv_sleep(VV_US(10)) == 0);
	return "done";
}

static void carriers(void)
{
	struct vv_event *e = vv_event_new();
	struct vv_group *p = vv_threadpool_new(2);
	void *value;

	expect(strcmp(vv_blocking(compute, e), "done") == 0 && vv_event_is_set(e));
	expect(vv_group_apply(p, compute, e, &value) == 0 && strcmp(value, "done") == 0);
	vv_group_free(p);
	vv_event_free(e);
}

/* ---- descriptors, signals ---- */

static void *wait_readable(void *fd)
{
	return (void *)(long)vv_wait_read((int)(long)fd, VV_FOREVER);
}

static void closing_wakes_waiters(void)
{
	struct vv_greenlet *gs[2];
	struct pollfd both[2];
	int pair[2];
	void *r;

	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	expect(vv_wait_read(pair[0], 0) == -EAGAIN && vv_wait_read(pair[0], VV_MS(1)) == -ETIMEDOUT);
	expect(vv_wait_write(pair[0], 0) == 0 && vv_wait_read(999, 0) == -EBADF);
	for (int i = 0; i < 2; i++) {
		gs[i] = vv_spawn(wait_readable, (void *)(long)pair[0]);
		both[i] = (struct pollfd){.fd = pair[i], .events = POLLIN};
	}
	expect(vv_wait_any(both, 2, VV_MS(1)) == -ETIMEDOUT);
	close(pair[0]);
	for (int i = 0; i < 2; i++) {
		expect(vv_get(gs[i], &r, VV_FOREVER) == 0 && (long)r == -EBADF);
		vv_greenlet_free(gs[i]);
	}
	expect(vv_wait_any(both + 1, 1, VV_FOREVER) == 1 && both[1].revents & POLLHUP);
	close(pair[1]);
}

static void on_signal(int number, void *event)
{
	expect(number == SIGUSR1 && vv_sleep(VV_US(1)) == 0);
	vv_event_set(event);
}

static void signals_in_a_greenlet(void)
{
	struct vv_event *e = vv_event_new();

	expect(vv_signal(SIGUSR1, on_signal, e) == 0 && vv_signal(0, on_signal, e) == -EINVAL);
	kill(getpid(), SIGUSR1);
	expect(vv_event_wait(e, VV_S(10)) == 0);
	expect(vv_signal(SIGUSR1, NULL, NULL) == 0);
	vv_event_free(e);
}

int main(void)
{
	freed_under_waiters();
	set_and_cleared_at_once();
	results_carry_errors();
	orders();
	channels_hand_over();
	tasks_and_shutdown();
	semaphores_are_fair();
	locks_belong_to_one();
	conditions();
	locals_are_inherited_and_destroyed();
	groups();
	threads_and_greenlets();
	carriers();
	closing_wakes_waiters();
	signals_in_a_greenlet();
	for (int i = 0; i < 100 && vv_objects(); i++)
		vv_sleep(VV_MS(1));
	expect(vv_objects() == 0);
	return 0;
}
