/*
 * The child side of fork. Only the caller lives on: it becomes the main greenlet of a process without a hub, on the
 * one kernel thread that fork left; a hub is made anew when it creates a thread. What the parent's hub had is forgotten,
 * not freed: glibc has already reclaimed the stacks.
 */
#include "hub.h"
#include "trace.h"

#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static void become_main(struct vv_greenlet *g)
{
	g->tid = vv__syscall(SYS_gettid);
	g->thread = pthread_self();
	g->native = 0; /* also in the middle of a hop: vv__hop_back knows */
	g->owned = 0;
	g->foreign = false;
	g->pinned = g->traces = false;
	g->hopped = g->away = g->hog = g->holds = g->fresh = g->lent = false;
	atomic_store(&g->asked, VV__STAY);
	g->inside = 0;
	g->wait = NULL;
	g->carrier = NULL;
	g->pending = 0;
	g->cpu_ns = g->user_ns = g->told_ns = 0;
	atomic_store(&g->state, VV__RUNNING);
}

/*
 * The dynamic linker's list of objects has a lock of which fork does not know: a child that looks at the list waits for ever
 * if another thread of its parent's did so at that moment. So nobody of ours does while one forks. A program may, and
 * may fork there, while one of ours waits for the lock: who forks waits long only for one of ours that has it.
 */
static _Atomic int looking, holding, forking;

static void a_moment(void)
{
	struct timespec t = {0, 20000};

	vv__syscall(SYS_nanosleep, &t, NULL);
}

struct look {
	int (*look)(struct dl_phdr_info *, size_t, void *);
	void *arg;
	bool holds;
};

static int look_holding(struct dl_phdr_info *object, size_t size, void *look)
{
	struct look *l = look;

	if (!l->holds)
		atomic_fetch_add(&holding, 1);
	l->holds = true;
	return l->look(object, size, l->arg);
}

int vv__each_object(int (*look)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	struct look l = {look, arg, false};
	int r;

	atomic_fetch_add(&looking, 1);
	while (atomic_load(&forking)) {
		atomic_fetch_sub(&looking, 1);
		a_moment();
		atomic_fetch_add(&looking, 1);
	}
	r = dl_iterate_phdr(look_holding, &l);
	atomic_fetch_sub(&holding, l.holds);
	atomic_fetch_sub(&looking, 1);
	return r;
}

/* On a busy machine who has the lock may not run for tens of milliseconds. */
void vv__objects_begin(void)
{
	enum { PATIENCE = 500, LONG = 20000 };

	atomic_fetch_add(&forking, 1);
	for (int i = 0; i < (atomic_load(&holding) ? LONG : PATIENCE) && atomic_load(&looking); i++)
		a_moment();
}

void vv__objects_end(void)
{
	atomic_fetch_sub(&forking, 1);
}

void vv__fork_begins(void)
{
	struct vv__carrier *c = vv__me()->carrier;

	if (c)
		c->parent = true;
}

void vv__fork_child(bool shares_files)
{
	struct vv_greenlet *g = vv__me();

	vv__locks_forked();
	atomic_store(&looking, 0);
	atomic_store(&holding, 0);
	atomic_store(&forking, 0);
	vv__trace_forked();
	vv__clocks_forget();
	atomic_store(&vv__started, 0);
	if (shares_files)
		vv__fd_leave_all();
	else
		vv__fd_disown_all();
	if (vv__hub.poll_fd)
		vv__poller_forget(&vv__hub, !shares_files);
	memset(&vv__hub, 0, sizeof vv__hub);
	atomic_store(&vv__live, 1);
	atomic_store(&vv__lively, 1);
	vv__parking_forget();
	vv__fd_forget_all();
	vv__carriers_forget();
	memset(&vv__stats, 0, sizeof vv__stats);
	vv__monitor_forget();
	vv__slice_forget(g);
	become_main(g);
	vv__greenlets_forget(g);
}
