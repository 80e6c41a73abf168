/*
 * Locks whose owner is a kernel thread: process-shared ones that record who holds them, and those that change the
 * priority of their holder. A greenlet's own id means nothing outside the process and is not unique there, so such a
 * lock is taken under the id of a carrier, and the greenlet keeps that carrier while it holds the lock.
 *
 * Only the real calls see the carrier's id: private locks that the greenlet holds at the same time bear its own.
 */
#include "sync.h"
#include "thread.h"

#include <linux/futex.h>

/* Where a thread control block has its list of robust mutexes: the distance is the same in all of them. */
static ptrdiff_t robust_offset;

__attribute__((constructor)) static void find_robust_list(void)
{
	struct robust_list_head *head;
	size_t size;

	if (vv__syscall(SYS_get_robust_list, 0, &head, &size) == 0 && head)
		robust_offset = (char *)head - (char *)pthread_self();
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
		set_robust_list(robust_offset ? (char *)g->thread + robust_offset : NULL);
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

/* ---- the end of a thread ---------------------------------------------------------------------------- */

/* Entries of a robust list point to the list field of a mutex; the lowest bit marks priority inheritance. */
static pthread_mutex_t *mutex_of(const void *entry)
{
	return (pthread_mutex_t *)(((uintptr_t)entry & ~1ul) - offsetof(pthread_mutex_t, __data.__list.__next));
}

/*
 * Somebody waits in the kernel for a priority-inheriting mutex: only the end of its owner, the carrier, passes it on as a
 * dead one's, whether that waiter is still there by then or not. So the mutex goes into the carrier's own robust list, and
 * the carrier ends. One that cannot end gives the mutex up.
 */
static void leave_to_kernel(struct vv_greenlet *g, const void *entry, unsigned *word)
{
	struct robust_list *node = (struct robust_list *)((uintptr_t)entry & ~1ul);
	struct robust_list_head *head = g->carrier_robust;

	if (!head || !vv__carrier_spoil()) {
		vv__syscall(SYS_futex, word, FUTEX_UNLOCK_PI, 0);
		return;
	}
	node->next = head->list.next;
	head->list.next = (struct robust_list *)((uintptr_t)entry | 1);
}

/*
 * As the kernel does (handle_futex_death): the word keeps only that somebody waits, and the next one learns of it. libc's
 * trylock leaves the mark of priority inheritance out of the list where it gets a dead one's mutex: the kind tells.
 */
static void mark_dead(struct vv_greenlet *g, const void *entry)
{
	pthread_mutex_t *m = mutex_of(entry);
	unsigned *word = (unsigned *)&m->__data.__lock, held = __atomic_load_n(word, __ATOMIC_SEQ_CST), dead;
	bool kept;

	do {
		kept = vv__owned_as(g, held & FUTEX_TID_MASK);
		if ((held & FUTEX_TID_MASK) != (unsigned)g->tid && !kept)
			return;
		if (kept && vv__mutex_kind(m) & VV__INHERIT && held & FUTEX_WAITERS) {
			leave_to_kernel(g, entry, word);
			return;
		}
		dead = (held & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	} while (!__atomic_compare_exchange_n(word, &held, dead, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (held & FUTEX_WAITERS)
		vv__syscall(SYS_futex, word, FUTEX_WAKE, 1);
	vv__wake(m, 1);
}

/* Program code of the ending greenlet. The list is its own and nobody changes it any more. */
void vv__release_robust_mutexes(struct vv_greenlet *g)
{
	char *head = (char *)g->thread + robust_offset;
	struct robust_list_head *list = (struct robust_list_head *)head;
	const void *entry, *next;

	if (g->foreign || !robust_offset || !list->list.next)
		return;
	for (entry = list->list.next; ((uintptr_t)entry & ~1ul) != (uintptr_t)list; entry = next) {
		next = ((const struct robust_list *)((uintptr_t)entry & ~1ul))->next;
		mark_dead(g, entry);
	}
	list->list.next = &list->list;
	list->list_op_pending = NULL;
	while (g->owned > 0)
		vv__own_less(g);
}
