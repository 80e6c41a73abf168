/*
 * Who forked whom: the kernel sends SIGCHLD to the thread that forked, if that does not block it, and only otherwise to
 * another. To the kernel our children are a carrier's, so a forked child itself writes down whose it is, into memory that
 * it shares with its parent: it can be read as soon as the child can end. An entry of another child with the same place
 * in the table is overwritten; SIGCHLD of a child without an entry goes to main.
 */
#include "process.h"

#include <sys/mman.h>

enum { CHILDREN = 4096 };

static struct entry {
	_Atomic int pid;
	struct vv_greenlet *g;
	uint64_t id; /* g->id: records are used again */
} * _Atomic table;

void vv__forker_start(void)
{
	struct entry *none = NULL;
	long p;

	if (atomic_load(&table))
		return;
	p = vv__syscall(SYS_mmap, NULL, CHILDREN * sizeof *table, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p > 0 && !atomic_compare_exchange_strong(&table, &none, (struct entry *)p))
		vv__syscall(SYS_munmap, p, CHILDREN * sizeof *table);
}

void vv__forker_note(pid_t child, struct vv_greenlet *g)
{
	struct entry *e = atomic_load(&table);

	if (!e)
		return;
	e += child % CHILDREN;
	atomic_store(&e->pid, 0);
	e->g = g;
	e->id = g->id;
	atomic_store(&e->pid, child);
}

void vv__forker_forget(void)
{
	struct entry *old = atomic_exchange(&table, NULL);

	if (old)
		vv__syscall(SYS_munmap, old, CHILDREN * sizeof *table);
}

struct vv_greenlet *vv__forker_of(pid_t child)
{
	struct entry *e = atomic_load(&table);
	struct vv_greenlet *g;
	uint8_t state;

	if (!e || child <= 0 || atomic_load(&e[child % CHILDREN].pid) != child)
		return NULL;
	e += child % CHILDREN;
	g = e->g;
	state = atomic_load(&g->state);
	return g->id == e->id && state != VV__DONE && state != VV__FREE ? g : NULL;
}
