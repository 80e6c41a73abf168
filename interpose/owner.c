/*
 * Locks whose owner is a kernel thread: process-shared ones that record who holds them, and those that change the
 * priority of their holder. A greenlet's own id means nothing outside the process and is not unique there, so such a
 * lock is taken under the id of a carrier, and the greenlet keeps that carrier while it holds the lock.
 *
 * Only the real calls see the carrier's id: private locks that the greenlet holds at the same time bear its own.
 */
#include "sync.h"

#include <linux/futex.h>

/* Where a thread control block has its list of robust mutexes: the distance is the same in all of them. */
static ptrdiff_t robust_offset(void)
{
	static ptrdiff_t offset;
	struct robust_list_head *head;
	size_t size;

	if (!offset && vv__syscall(SYS_get_robust_list, vv__syscall(SYS_getpid), &head, &size) == 0)
		offset = (char *)head - (char *)vv__main_greenlet()->thread;
	return offset;
}

/* The kernel walks the list of the thread that dies: make it the greenlet's, or the thread's own again. */
static void set_robust_list(void *head)
{
	if (head)
		vv__syscall(SYS_set_robust_list, head, sizeof(struct robust_list_head));
}

void vv__own(struct vv_greenlet *g, struct vv__ownership *o)
{
	size_t size;
	int id;

	vv__hop();
	id = vv__syscall(SYS_gettid);
	o->tid = vv__tcb_tid(g);
	o->saved = o->tid != id;
	if (o->saved && g->owned == 0) {
		vv__syscall(SYS_get_robust_list, 0, &g->carrier_robust, &size);
		if (robust_offset())
			set_robust_list((char *)g->thread + robust_offset());
	}
	g->owned += o->saved;
	if (o->saved)
		vv__tcb_set_tid(g, id);
}

void vv__own_less(struct vv_greenlet *g)
{
	if (g->owned > 0 && --g->owned == 0)
		set_robust_list(g->carrier_robust);
	vv__hop_back();
}

void vv__disown(struct vv_greenlet *g, struct vv__ownership *o, bool keep)
{
	if (o->saved)
		vv__tcb_set_tid(g, o->tid);
	if (keep && o->saved)
		return;
	if (o->saved)
		vv__own_less(g);
	else
		vv__hop_back();
}

bool vv__owned_as(struct vv_greenlet *g, int id)
{
	return g->owned > 0 && id == vv__syscall(SYS_gettid);
}
