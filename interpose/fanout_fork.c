/*
 * Branches that are processes (--fan-out=fork, prefork:N). The program must not learn of them: they are made without an
 * exit signal, so no SIGCHLD comes and no wait of the program's finds them. In fork mode a kernel thread of ours, which
 * makes nothing but raw system calls, waits for them; in prefork mode the supervisor itself does.
 *
 * Branches get SIGTERM when the trunk's process ends, however it ends.
 */
#include "fanout.h"

#include "../core/hub.h"
#include "interpose.h"
#include "process.h"

#include <linux/futex.h>
#include <sys/prctl.h>

enum { REPLACE_NS = 100000000, YOUNG_NS = 1000000000 };

static _Atomic int children;

/* ---- the child's side ---- */

static void follow(pid_t parent)
{
	vv__syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM);
	if (vv__syscall(SYS_getppid) != parent)
		vv__syscall(SYS_kill, vv__syscall(SYS_getpid), SIGTERM);
}

void vv__fanout_fork_end(void)
{
	REAL(fflush)(NULL);
	vv__syscall(SYS_exit_group, 0);
	__builtin_unreachable();
}

/* What the streams hold is to be written once. */
static pid_t branch(void)
{
	pid_t me = (pid_t)vv__syscall(SYS_getpid), pid;

	REAL(fflush)(NULL);
	pid = vv__fork_quietly();
	if (pid == 0)
		follow(me);
	return pid;
}

/* ---- fork ---- */

static void *reap(void *unused)
{
	for (;;) {
		long pid = vv__syscall(SYS_wait4, -1, NULL, __WCLONE, NULL);

		if (pid > 0) {
			atomic_fetch_sub(&children, 1);
			vv__syscall(SYS_futex, &children, FUTEX_WAKE_PRIVATE, INT32_MAX);
		} else {
			vv__syscall(SYS_futex, &children, FUTEX_WAIT_PRIVATE, 0, NULL);
		}
	}
	return NULL;
}

static bool start_reaper(void)
{
	static bool started;

	if (!started)
		started = vv__thread_start(reap, NULL) == 0;
	return started;
}

int vv__fanout_fork(void)
{
	pid_t pid = start_reaper() ? branch() : -EAGAIN;
	int n;

	if (pid == 0) {
		vv__fanout.mode = VV__FANOUT_FORK; /* also here, to know where it ends */
		return 1;
	}
	if (pid < 0)
		return pid;
	n = atomic_fetch_add(&children, 1) + 1;
	vv__syscall(SYS_futex, &children, FUTEX_WAKE_PRIVATE, 1);
	if (n > 0 && (uint64_t)n > vv__fanout_stats.peak)
		vv__fanout_stats.peak = (uint64_t)n;
	return 0;
}

int vv__fanout_fork_wait(int below, int64_t deadline)
{
	int n;

	while ((n = atomic_load(&children)) >= below) {
		struct timespec ts = {deadline / 1000000000, deadline % 1000000000};
		long r = vv__syscall(SYS_futex, &children, FUTEX_WAIT_BITSET_PRIVATE, n,
		    deadline == VV__FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);

		if (r == -EINTR || r == -ETIMEDOUT)
			return (int)r;
	}
	return 0;
}

/* ---- prefork ---- */

static struct worker {
	pid_t pid;
	int64_t born;
} * workers;

static int replace(struct worker *w)
{
	int64_t now = vv__now();
	struct timespec pause = {0, REPLACE_NS};
	pid_t pid;

	/* One that dies as soon as it is made is not made as fast as it dies. */
	if (w->born && now - w->born < YOUNG_NS && vv__syscall(SYS_nanosleep, &pause, NULL) == -EINTR)
		return -EINTR;
	pid = branch();
	if (pid > 0)
		*w = (struct worker){pid, now};
	return pid == 0;
}

/* A worker has ended, or -EINTR. */
static int await_end(void)
{
	long pid = vv__syscall(SYS_wait4, -1, NULL, __WCLONE, NULL);

	for (unsigned i = 0; i < vv__fanout.workers; i++)
		if (pid > 0 && workers[i].pid == pid)
			workers[i].pid = 0;
	return pid == -EINTR ? -EINTR : 0;
}

int vv__fanout_supervise(void)
{
	bool any;
	int r;

	if (!workers)
		workers = vv__pages(vv__fanout.workers * sizeof *workers);
	if (!workers)
		return 1;
	for (;;) {
		any = false;
		for (unsigned i = 0; i < vv__fanout.workers; i++) {
			r = workers[i].pid ? 0 : replace(&workers[i]);
			if (r)
				return r;
			any |= workers[i].pid != 0;
		}
		if (!any)
			return 1; /* no room for another process: serve here */
		r = await_end();
		if (r < 0)
			return r;
	}
}
