/*
 * Debuggers. To the kernel a tracer is one kernel thread: the one that made the child or attached to it, and only it may
 * ask for anything with ptrace(). Greenlets change their kernel thread, so a greenlet that attaches gets a kernel thread
 * of its own, and in a program that imports ptrace, those that make processes or threads (main may have a child already).
 * So does one that makes something else that answers only its kernel thread.
 */
#include "interpose.h"
#include "thread.h"

#include <link.h>

static const void *address(const struct link_map *map, ElfW(Addr) value)
{
	return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

/* The undefined symbols come before the first that the hash table knows. */
static bool imports(const struct link_map *map, const char *name)
{
	const ElfW(Sym) *symbols = NULL;
	const uint32_t *hash = NULL;
	const char *names = NULL;

	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			names = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			hash = address(map, d->d_un.d_ptr);
	}
	for (uint32_t i = 1; symbols && names && hash && i < hash[1]; i++)
		if (!strcmp(names + symbols[i].st_name, name))
			return true;
	return false;
}

static bool debugger(void)
{
	static _Atomic int traces; /* 0: not known, 1: no, 2: yes */

	if (!atomic_load(&traces))
		atomic_store(&traces, imports(_r_debug.r_map, "ptrace") ? 2 : 1);
	return atomic_load(&traces) == 2;
}

static void pin(struct vv_greenlet *g)
{
	if (g->pinned || g->foreign || g->is_hub || g->slice || g->cooperative || !atomic_load(&vv__started))
		return;
	vv__pin();
	g->traces = true;
}

static _Atomic bool main_is_bound; /* before it had threads */

void vv__pin_tracer(struct vv_greenlet *g)
{
	bool bound = atomic_load_explicit(&main_is_bound, memory_order_relaxed) && g == vv__main_greenlet();

	if (bound || (vv__family_on(process) && debugger()))
		pin(g);
}

void vv__bind(void)
{
	if (atomic_load(&vv__started))
		pin(vv__me());
	else
		atomic_store(&main_is_bound, true);
}

VV_EXPORT long ptrace(enum __ptrace_request request, ...)
{
	struct vv_greenlet *g = vv__me();
	long a[3];
	va_list ap;

	va_start(ap, request);
	for (int i = 0; i < 3; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (vv__family_on(process) && (request == PTRACE_ATTACH || request == PTRACE_SEIZE))
		pin(g);
	return REAL(ptrace)(request, a[0], a[1], a[2]);
}
