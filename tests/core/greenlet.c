/*
 * Greenlets: order, values, sleeping, joining, recycling, hopping, descriptors.
 */
#include "fixture.h"

#include <poll.h>
#include <sys/syscall.h>

static void *count_three(void *name)
{
	for (int i = 0; i < 3; i++) {
		note("%s%d ", (char *)name, i);
		vv__yield();
	}
	return name;
}

Test(greenlet, runs_in_order_of_creation_and_of_yielding, .init = core_begin)
{
	struct vv_greenlet *a = spawn(count_three, "a"), *b = spawn(count_three, "b");

	cr_expect_str_eq(journal, "", "a new greenlet must not run before its creator gives way");
	cr_expect_str_eq(join(a), "a");
	cr_expect_str_eq(join(b), "b");

	cr_expect_str_eq(journal, "a0 b0 a1 b1 a2 b2 ");
}

static void *sleep_for(void *ms)
{
	int r = vv__sleep_until(in_ms((int)(long)ms), 0);

	note("%ld ", (long)ms);
	return (void *)(long)r;
}

Test(greenlet, sleepers_wake_in_the_order_of_their_deadlines, .init = core_begin)
{
	struct vv_greenlet *g[4];
	int64_t start = vv__now();

	g[0] = spawn(sleep_for, (void *)40L);
	g[1] = spawn(sleep_for, (void *)20L);
	g[2] = spawn(sleep_for, (void *)60L);
	g[3] = spawn(sleep_for, (void *)0L);
	for (int i = 0; i < 4; i++)
		cr_expect_eq((long)join(g[i]), 0);

	cr_expect_str_eq(journal, "0 20 40 60 ");
	cr_expect_geq(vv__now() - start, 60000000);
}

Test(greenlet, join_times_out_and_can_be_repeated, .init = core_begin)
{
	struct vv_greenlet *g = spawn(sleep_for, (void *)30L);

	cr_expect_eq(vv__join(g, in_ms(5), 0), -ETIMEDOUT);
	cr_expect_eq(vv__join(g, 1, 0), -ETIMEDOUT);
	cr_expect_eq(vv__join(g, VV__FOREVER, 0), 0);
	vv__release(g);
}

static __thread int local = 7;

static void *use_local(void *arg)
{
	local = (int)(long)arg; /* a fresh value is interpose's to see to */
	errno = (int)(long)arg;
	vv__yield();
	cr_expect_eq(local, (long)arg);
	cr_expect_eq(errno, (long)arg);
	return arg;
}

Test(greenlet, each_has_its_own_thread_locals, .init = core_begin)
{
	for (int round = 0; round < 50; round++) {
		struct vv_greenlet *a = spawn(use_local, (void *)1L), *b = spawn(use_local, (void *)2L);

		join(a);
		join(b);
	}
	cr_expect_eq(local, 7);
	cr_expect_gt(vv__stats.recycled, 50, "shells are to be used again");
}

static void *identity(void *arg)
{
	struct vv_greenlet *me = vv__me();

	(void)arg;
	cr_expect_eq(vv__of_thread(pthread_self()), me);
	cr_expect_eq(vv__of_tid(me->tid), me);
	return (void *)(uintptr_t)me->id;
}

Test(greenlet, is_found_by_thread_and_by_tid, .init = core_begin)
{
	uintptr_t a = (uintptr_t)join(spawn(identity, NULL)), b = (uintptr_t)join(spawn(identity, NULL));

	cr_expect_neq(a, b, "ids are never used again");
	cr_expect_eq(vv__of_tid(1 << 30), NULL);
	cr_expect_eq(vv__main_greenlet(), vv__me());
}

static int ends[2];

static void *await_byte(void *deadline)
{
	int fd = ends[0], r = vv__wait_fd(&fd, POLLIN, (int64_t)deadline, 0, "read");

	vv__fd_done(ends[0], fd);
	note("%d ", r);
	return NULL;
}

Test(greenlet, waits_for_descriptors, .init = core_begin)
{
	struct vv_greenlet *a, *b;
	char c;

	cr_assert_eq(pipe(ends), 0);
	a = spawn(await_byte, (void *)VV__FOREVER);
	b = spawn(await_byte, (void *)in_ms(10));
	join(b);
	cr_expect_eq(write(ends[1], "x", 1), 1);
	join(a);
	cr_expect_eq(read(ends[0], &c, 1), 1);

	char want[32];
	snprintf(want, sizeof want, "%d 0 ", -ETIMEDOUT);
	cr_expect_str_eq(journal, want);
}

static void *nothing(void *arg)
{
	return arg;
}

/* The call itself knows what is wrong with them. */
Test(greenlet, what_cannot_be_polled_is_ready, .init = core_begin)
{
	int regular = open("/proc/self/exe", 0), closed = 500;

	join(spawn(nothing, NULL)); /* starts the hub */
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(vv__wait_fd(&regular, POLLIN, in_ms(1000), 0, "read"), 0);
		cr_expect_eq(vv__wait_fd(&closed, POLLIN, in_ms(1000), 0, "read"), 0);
	}
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[0], closed), closed);

	int r, spurious = 0;
	while ((r = vv__wait_fd(&closed, POLLIN, in_ms(10), 0, "read")) == 0)
		cr_assert_lt(++spurious, 3, "an open pipe must not spin");
	cr_expect_eq(r, -ETIMEDOUT);
}

static void *block_in_the_kernel(void *arg)
{
	char c;
	ssize_t n;

	vv__hop();
	note("blocks ");
	n = read(ends[0], &c, 1);
	vv__hop_back();
	note("back ");
	(void)arg;
	return (void *)n;
}

Test(greenlet, a_hop_holds_up_nobody, .init = core_begin)
{
	struct vv_greenlet *g;

	cr_assert_eq(pipe(ends), 0);
	g = spawn(block_in_the_kernel, NULL);
	for (int i = 0; i < 20 || (!*journal && i < 5000); i++)
		vv__sleep_until(in_ms(1), 0);
	note("meanwhile ");
	cr_expect_eq(write(ends[1], "x", 1), 1);

	cr_expect_eq((long)join(g), 1);
	cr_expect_str_eq(journal, "blocks meanwhile back ");
}

Test(greenlet, leaves_no_descriptor_and_no_greenlet_behind, .init = core_begin)
{
	int descriptors, live;

	join(spawn(nothing, NULL));
	descriptors = open_descriptors();
	live = vv__live;
	for (int round = 0; round < 20; round++) {
		struct vv_greenlet *g[50];

		for (int i = 0; i < 50; i++)
			g[i] = spawn(nothing, NULL);
		for (int i = 0; i < 50; i++)
			join(g[i]);
	}

	cr_expect_lt(open_descriptors(), descriptors + 10); /* a busy machine may have needed a carrier or two */
	cr_expect_eq(vv__live, live);
}
