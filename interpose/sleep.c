/*
 * Sleeping, and the conversion of libc's times to the core's deadlines.
 */
#include "cpuclock.h"
#include "interpose.h"

int64_t vv__deadline_in(int64_t ns)
{
	int64_t now = vv__now();

	return ns <= 0 ? now : ns > VV__FOREVER - 1 - now ? VV__FOREVER - 1 : now + ns;
}

int64_t vv__nanoseconds(const struct timespec *ts)
{
	if (ts->tv_sec > INT64_MAX / 2000000000)
		return INT64_MAX / 2;
	return ts->tv_sec < 0 ? -1 : ts->tv_sec * 1000000000ll + ts->tv_nsec;
}

/* A preload between us and libc (libfaketime) tells the program another time than the hub's. */
static bool faked(void)
{
	return REAL(clock_gettime) != vv__libc_clock;
}

int64_t vv__deadline_at(clockid_t clock, const struct timespec *ts)
{
	struct timespec now;

	if (clock == CLOCK_MONOTONIC && !faked())
		return vv__nanoseconds(ts);
	if (clock == CLOCK_REALTIME)
		return vv__wall_deadline(vv__nanoseconds(ts));
	clock_gettime(clock, &now);
	return vv__deadline_in(vv__nanoseconds(ts) - vv__nanoseconds(&now));
}

/* Clocks that the hub's deadlines can follow; the others (CPU time, alarms) are the kernel's. */
static bool ours(clockid_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_TAI;
}

static int fill_remaining(int64_t deadline, struct timespec *left)
{
	int64_t ns = deadline - vv__now();

	if (ns < 0)
		ns = 0;
	return vv__copy_out(left, &(struct timespec){ns / 1000000000, ns % 1000000000}, sizeof *left);
}

static int hop_sleep(clockid_t clock, int flags, const struct timespec *want, struct timespec *left)
{
	int r;

	vv__hop();
	r = REAL(clock_nanosleep)(clock, flags, want, left);
	vv__hop_back();
	return r;
}

VV_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *want, struct timespec *left)
{
	struct vv_greenlet *g = vv__me(), *other;
	int64_t deadline;
	int r;

	if (vv__unlikely(clock < 0) && (other = vv__of_clock(clock)))
		return vv__given(want, sizeof *want) ? vv__sleep_by_cpu(other, flags, want, left) : EFAULT;
	if (vv__step_aside(g, time))
		return REAL(clock_nanosleep)(clock, flags, want, left);
	if (!vv__given(want, sizeof *want))
		return EFAULT;
	if (!ours(clock) || faked() || !vv__timespec_valid(want) || want->tv_sec < 0)
		return hop_sleep(clock, flags, want, left);
	deadline =
	    flags & TIMER_ABSTIME ? vv__deadline_at(clock, want) : vv__deadline_in(vv__nanoseconds(want));
	r = vv__sleep_until(deadline, VV__EINTR | VV__CANCEL);
	if (r == -ECANCELED)
		vv__cancel_now();
	if (r == -EINTR && left && !(flags & TIMER_ABSTIME) && fill_remaining(deadline, left) < 0)
		r = -EFAULT;
	return -r;
}

VV_EXPORT int nanosleep(const struct timespec *want, struct timespec *left)
{
	if (vv__step_aside(vv__me(), time))
		return REAL(nanosleep)(want, left);
	return vv__errno_return(-clock_nanosleep(CLOCK_REALTIME, 0, want, left));
}
VV_ALIAS(__nanosleep, nanosleep);

VV_EXPORT unsigned sleep(unsigned seconds)
{
	struct timespec t = {seconds, 0};

	if (vv__step_aside(vv__me(), time))
		return REAL(sleep)(seconds);
	if (clock_nanosleep(CLOCK_REALTIME, 0, &t, &t) == 0)
		return 0;
	return t.tv_sec + (t.tv_nsec >= 500000000);
}

VV_EXPORT int usleep(useconds_t microseconds)
{
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};

	if (vv__step_aside(vv__me(), time))
		return REAL(usleep)(microseconds);
	return nanosleep(&t, NULL);
}

/* C11's answers: 0, -1 for a signal, another negative number for a bad time. */
VV_EXPORT int thrd_sleep(const struct timespec *want, struct timespec *left)
{
	int r;

	if (vv__step_aside(vv__me(), time))
		return REAL(thrd_sleep)(want, left);
	r = clock_nanosleep(CLOCK_REALTIME, 0, want, left);
	return r == 0 ? 0 : r == EINTR ? -1 : -2;
}
