/*
 * pthread_once on glibc's values: 0, then in progress, then done. While it is in progress the value also names the
 * process, so that the child of a fork in the middle starts again, as with glibc's count of forks. A routine that is
 * cancelled, or left by an exception or pthread_exit, leaves the value 0 and lets the next one try; this file is
 * compiled with -fexceptions for that.
 */
#include "sync.h"

enum { IN_PROGRESS = 1, DONE = 2, PROCESS_SHIFT = 2 };

static int mark(void)
{
	return (int)((unsigned)vv__syscall(SYS_getpid) << PROCESS_SHIFT) | IN_PROGRESS;
}

static void settle(pthread_once_t *once, int value)
{
	__atomic_store_n(once, value, __ATOMIC_SEQ_CST);
	vv__wake(once, INT32_MAX);
}

static void undo(void *once)
{
	settle(once, 0);
}

struct waiting {
	pthread_once_t *once;
	int mark;
};

static bool is_in_progress(void *waiting)
{
	struct waiting *w = waiting;

	return __atomic_load_n(w->once, __ATOMIC_SEQ_CST) == w->mark;
}

static void await(pthread_once_t *once, int mark)
{
	struct waiting w = {once, mark};
	struct vv__park p = {
	    .key = once, .deadline = VV__FOREVER, .what = "once", .valid = is_in_progress, .arg = &w};

	vv__park_on(&p);
}

/* True if the caller is to run the routine, false if it is done. */
static bool claim(pthread_once_t *once)
{
	int value = __atomic_load_n(once, __ATOMIC_ACQUIRE), ours = mark();

	for (;;) {
		if (value & DONE)
			return false;
		if (value == ours)
			await(once, ours);
		else if (__atomic_compare_exchange_n(
		             once, &value, ours, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			return true;
		value = __atomic_load_n(once, __ATOMIC_ACQUIRE);
	}
}

static int run(pthread_once_t *once, void (*routine)(void))
{
	vv__me();
	if (!vv__family_on(sync))
		return REAL(pthread_once)(once, routine);
	if (!claim(once))
		return 0;
	pthread_cleanup_push(undo, once);
	routine();
	pthread_cleanup_pop(0);
	settle(once, DONE);
	return 0;
}

VV_EXPORT int pthread_once(pthread_once_t *once, void (*routine)(void))
{
	if (vv__likely(__atomic_load_n(once, __ATOMIC_ACQUIRE) & DONE))
		return 0;
	return run(once, routine);
}
VV_ALIAS(__pthread_once, pthread_once);
