/*
 * Waits until a time on CLOCK_REALTIME follow when that clock is set. No clock is set here: the hub is shown another one,
 * and the descriptor that tells of it is made readable.
 */
#include "../../core/hub.h"
#include "fixture.h"

#include <sys/timerfd.h>

enum { SECOND = 1000000000 };

static int64_t shift;

static int64_t shifted(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec + shift;
}

static void begin(void)
{
	core_begin();
	vv__wall_now = shifted;
}

/* The kernel's word comes now. */
static void set_clock(int64_t by)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1};

	shift += by;
	cr_assert_gt(vv__hub.clock_fd, 0);
	cr_assert_eq(timerfd_settime(vv__hub.clock_fd, 0, &soon, NULL), 0);
}

static void *until_wall(void *ns)
{
	int r = vv__sleep_until(vv__wall_deadline(shifted() + (int64_t)ns), 0);

	note("wall ");
	return (void *)(long)r;
}

static void *for_time(void *ns)
{
	vv__sleep_until(vv__now() + (int64_t)ns, 0);
	note("%ld ms ", (long)ns / 1000000);
	return NULL;
}

static void *park_until_wall(void *ns)
{
	struct vv__park p = {.key = ns, .deadline = vv__wall_deadline(shifted() + (int64_t)ns)};
	int r = vv__park_on(&p);

	note("park %s ", r == -ETIMEDOUT ? "timed out" : "?");
	return NULL;
}

Test(wall, a_clock_set_forward_ends_waits_that_it_has_passed, .init = begin, .timeout = 20)
{
	struct vv_greenlet *slept = spawn(until_wall, (void *)(100l * SECOND)),
			   *parked = spawn(park_until_wall, (void *)(101l * SECOND)),
			   *other = spawn(for_time, (void *)(SECOND / 10l));

	settle();
	set_clock(200l * SECOND);
	join(slept);
	join(parked);
	join(other);

	cr_expect_str_eq(journal, "wall park timed out 100 ms ");
}

Test(wall, a_clock_set_back_makes_them_longer, .init = begin, .timeout = 20)
{
	struct vv_greenlet *slept = spawn(until_wall, (void *)(SECOND / 10l)),
			   *other = spawn(for_time, (void *)(SECOND / 5l));

	settle();
	set_clock(-SECOND / 5);
	join(slept);
	join(other);

	cr_expect_str_eq(journal, "200 ms wall ");
}

static int64_t stale;

static void *wait_with_stale_deadline(void *arg)
{
	stale = vv__wall_deadline(shifted() + 100l * SECOND);
	vv__sleep_until(vv__now() + SECOND / 20, 0);
	vv__sleep_until(stale, 0);
	note("over ");
	return arg;
}

Test(wall, a_deadline_made_before_is_mended_when_it_is_used, .init = begin, .timeout = 20)
{
	struct vv_greenlet *watch = spawn(until_wall, (void *)(150l * SECOND)),
			   *g = spawn(wait_with_stale_deadline, NULL);

	settle();
	set_clock(200l * SECOND);
	join(watch);
	join(g);

	cr_expect_str_eq(journal, "wall over ");
}

Test(wall, the_clock_is_watched_only_when_somebody_waits_by_it, .init = begin, .timeout = 20)
{
	join(spawn(for_time, (void *)1000l));
	cr_expect_eq(vv__hub.clock_fd, 0);
	join(spawn(until_wall, (void *)1000l));
	cr_expect_gt(vv__hub.clock_fd, 0);
	cr_expect(vv__fd_is_ours(vv__hub.clock_fd));
}
