/*
 * Semaphores. They keep glibc's representation: a value in the low half of the first word. A private one parks on its
 * address; a process-shared one (sem_open, or asked for) hops to the real wait. sem_post is libc's and then a wake, so
 * signal handlers and kernel threads may post.
 */
#include "sync.h"

/* glibc's struct new_sem. */
struct sem {
	uint64_t data; /* value; number of waiters inside libc << 32 */
	int shared;
	int pad;
};

static bool try(sem_t *semaphore)
{
	struct sem *s = (struct sem *)semaphore;
	uint64_t d = __atomic_load_n(&s->data, __ATOMIC_RELAXED);

	while ((uint32_t)d != 0)
		if (__atomic_compare_exchange_n(&s->data, &d, d - 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static bool is_zero(void *semaphore)
{
	struct sem *s = semaphore;

	return (uint32_t)__atomic_load_n(&s->data, __ATOMIC_SEQ_CST) == 0;
}

/* A time-out makes the kernel's wait not restartable, whatever SA_RESTART says. */
static int wait_parked(sem_t *sem, int64_t deadline, unsigned flags)
{
	uint64_t turn = 0;
	struct vv__park p = {.key = sem, .turn = &turn, .deadline = deadline, .flags = flags | VV__EINTR | VV__CANCEL,
	    .what = "semaphore", .valid = is_zero, .arg = sem};
	int r;

	while (!try(sem)) {
		r = vv__park_on(&p);
		if (r == -ECANCELED)
			vv__cancel_now();
		if (r < 0 && r != -EAGAIN)
			return vv__errno_return(r);
	}
	return 0;
}

struct request {
	clockid_t clock;
	const struct timespec *time;
};

static int real_wait(sem_t *sem, const struct request *q)
{
	if (!q->time)
		return REAL(sem_wait)(sem);
	return REAL(sem_clockwait)(sem, q->clock, q->time);
}

static void hop_back(void *unused)
{
	vv__hop_back();
}

static int wait_hopped(sem_t *sem, const struct request *q)
{
	int r;

	vv__hop();
	pthread_cleanup_push(hop_back, NULL);
	r = real_wait(sem, q);
	pthread_cleanup_pop(1);
	return r;
}

static int wait_for(sem_t *sem, const struct request *q)
{
	struct vv_greenlet *g = vv__me();

	if (try(sem))
		return 0;
	if (vv__step_aside(g, sync))
		return real_wait(sem, q);
	if (((struct sem *)sem)->shared)
		return wait_hopped(sem, q);
	if (!q->time)
		return wait_parked(sem, VV__FOREVER, VV__RESTART);
	return wait_parked(sem, q->time->tv_sec < 0 ? 0 : vv__deadline_at(q->clock, q->time), 0);
}

VV_EXPORT int sem_wait(sem_t *sem)
{
	static const struct request for_ever;

	pthread_testcancel();
	return wait_for(sem, &for_ever);
}

VV_EXPORT int sem_timedwait(sem_t *sem, const struct timespec *ts)
{
	struct request q = {CLOCK_REALTIME, ts};

	if (!vv__timespec_valid(ts))
		return vv__errno_return(-EINVAL);
	pthread_testcancel();
	return wait_for(sem, &q);
}

/* The one wait that does not look at cancellation if it need not wait. */
VV_EXPORT int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *ts)
{
	struct request q = {clock, ts};

	if (!vv__wait_clock(clock) || !vv__timespec_valid(ts))
		return vv__errno_return(-EINVAL);
	return wait_for(sem, &q);
}

VV_EXPORT int sem_post(sem_t *sem)
{
	int r, shared = ((struct sem *)sem)->shared;

	vv__real_need();
	r = REAL(sem_post)(sem);
	if (r == 0 && !shared)
		vv__wake(sem, 1);
	return r;
}
