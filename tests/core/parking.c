/*
 * The parking lot: first come first served, tags and masks, moving waiters, deadlines; greenlets and kernel threads
 * alike.
 */
#include "fixture.h"

#include <sched.h>

enum { WAITERS = 5 };

static int key, other_key;

struct waiter {
	int name;
	struct vv__park park;
};

static void *park(void *arg)
{
	struct waiter *w = arg;
	int r = vv__park_on(&w->park);

	note(r ? "%d:%d " : "%d ", w->name, r);
	return (void *)(long)r;
}

static struct waiter waiters[WAITERS];
static struct vv_greenlet *parked[WAITERS];

static void park_all(void)
{
	core_begin();
	for (int i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){
		    i, {.key = &key, .tag = 1u << i, .deadline = VV__FOREVER, .what = "test"}};
		parked[i] = spawn(park, &waiters[i]);
	}
	settle();
}

static void join_all(void)
{
	for (int i = 0; i < WAITERS; i++)
		join(parked[i]);
}

Test(parking, wakes_first_come_first_served, .init = park_all)
{
	cr_expect_eq(vv__waiters(&key, 0), WAITERS);
	cr_expect_eq(vv__wake(&key, 2), 2);
	settle();
	cr_expect_str_eq(journal, "0 1 ");
	cr_expect_eq(vv__wake(&key, 100), 3);
	cr_expect_eq(vv__wake(&key, 1), 0);

	join_all();
	cr_expect_str_eq(journal, "0 1 2 3 4 ");
	cr_expect_eq(vv__waiters(&key, 0), 0);
}

Test(parking, wakes_by_tag_and_by_mask, .init = park_all)
{
	cr_expect_eq(vv__waiters(&key, 8), 1);
	cr_expect_eq(vv__wake_tagged(&key, 8, 10), 1);
	settle();
	cr_expect_eq(vv__wake_masked(&key, 1 | 16, 10), 2);
	settle();
	cr_expect_eq(vv__wake(&other_key, 10), 0);
	cr_expect_eq(vv__wake(&key, 10), 2);

	join_all();
	cr_expect_str_eq(journal, "3 0 4 1 2 ");
}

static bool say(void *answer)
{
	return *(bool *)answer;
}

Test(parking, requeue_wakes_some_and_moves_the_rest, .init = park_all)
{
	bool yes = true, no = false;

	cr_expect_eq(vv__requeue(&key, &other_key, 1, 3, say, &no), -EAGAIN);
	cr_expect_eq(vv__requeue(&key, &other_key, 1, 3, say, &yes), 4);
	settle();
	cr_expect_str_eq(journal, "0 ");
	cr_expect_eq(vv__waiters(&other_key, 0), 3);
	cr_expect_eq(vv__wake(&key, 10), 1);
	settle();
	cr_expect_eq(vv__wake(&other_key, 10), 3);

	join_all();
	cr_expect_str_eq(journal, "0 4 1 2 3 ");
}

static void *park_twice(void *arg)
{
	struct waiter *w = arg;
	uint64_t turn = 0;

	w->park.turn = &turn;
	vv__park_on(&w->park);
	vv__yield();
	return park(w);
}

Test(parking, latecomers_keep_their_turns, .init = core_begin)
{
	for (int i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){i, {.key = &key, .deadline = VV__FOREVER, .what = "test"}};
		parked[i] = spawn(park_twice, &waiters[i]);
	}
	settle();
	cr_expect_eq(vv__wake(&key, 3), 3);
	settle();
	cr_expect_eq(vv__waiters(&key, 0), WAITERS);

	for (int i = 0; i < WAITERS; i++) {
		cr_expect_eq(vv__wake(&key, 1), 1);
		settle();
	}
	/* 3 has come back to the place before 4 and was the fifth. */
	cr_expect_str_eq(journal, "0 1 2 3 ");
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(vv__wake(&key, 10), 1);
		settle();
	}
	join_all();
	cr_expect_str_eq(journal, "0 1 2 3 4 ");
}

Test(parking, deadline_ends_a_wait_and_takes_it_off_the_queue, .init = core_begin)
{
	struct vv__park soon = {.key = &key, .deadline = in_ms(10), .what = "test"};
	struct vv__park past = {.key = &key, .deadline = 1, .what = "test"};

	cr_expect_eq(vv__park_on(&soon), -ETIMEDOUT);
	cr_expect_geq(vv__now(), soon.deadline);
	cr_expect_eq(vv__park_on(&past), -ETIMEDOUT);
	cr_expect_eq(vv__waiters(&key, 0), 0);
}

static void wake_the_key(void *arg)
{
	note("then ");
	vv__wake(arg, 1);
}

Test(parking, valid_decides_and_then_runs_once_queued, .init = core_begin)
{
	bool no = false;
	struct vv__park refused = {
	    .key = &key, .deadline = VV__FOREVER, .valid = say, .arg = &no, .what = "test"};
	struct vv__park woken = {
	    .key = &key, .deadline = VV__FOREVER, .then = wake_the_key, .arg = &key, .what = "test"};

	cr_expect_eq(vv__park_on(&refused), -EAGAIN);
	cr_expect_eq(vv__park_on(&woken), 0);
	cr_expect_str_eq(journal, "then ");
	cr_expect_eq(vv__waiters(&key, 0), 0);
}

/* A lock made of one word, taken by greenlets and by kernel threads that the core did not make. */
static _Atomic int word;
static long counter;

static bool still_taken(void *arg)
{
	(void)arg;
	return atomic_exchange(&word, 2) != 0;
}

static void take(void)
{
	int expected = 0;

	if (atomic_compare_exchange_strong(&word, &expected, 1))
		return;
	struct vv__park p = {.key = &word, .deadline = VV__FOREVER, .valid = still_taken, .what = "word"};
	while (vv__park_on(&p) != -EAGAIN)
		;
}

static void give(void)
{
	if (atomic_exchange(&word, 0) == 2)
		vv__wake(&word, 1);
}

static void *count(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		take();
		long before = counter;
		if (i % 100 == 0)
			vv__yield();
		counter = before + 1;
		give();
	}
	return arg;
}

static void *count_natively(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		take();
		long before = counter;
		if (i % 100 == 0)
			sched_yield();
		counter = before + 1;
		give();
	}
	return arg;
}

Test(parking, greenlets_and_kernel_threads_share_a_lock, .init = core_begin, .timeout = 60)
{
	struct vv_greenlet *g[4];
	pthread_t t[2];

	for (int i = 0; i < 4; i++)
		g[i] = spawn(count, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, count_natively, NULL);
	for (int i = 0; i < 4; i++)
		join(g[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);

	cr_expect_eq(counter, 6 * 3000);
	cr_expect_eq(vv__waiters(&word, 0), 0);
}
