/*
 * malloc for --fan-out=check: see heap.h. Plots of 64 KiB belong to an owner; small blocks are cut off one after the other
 * and recycled by size, large ones have plots of their own. What does not fit goes to libc's malloc and is not watched.
 */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum {
	UNIT = 16,
	PLOT_UNITS = VV_CHECK_PLOT / UNIT,
	CLASSES = 96,
	FINE = 1024,
	LARGE = VV_CHECK_PLOT / 2,
	ARENAS = 8192
};

extern void *__libc_malloc(size_t);
extern void *__libc_memalign(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

/* Of each unit; meaningful where a block begins. */
struct meta {
	uint32_t units; /* 0: no block begins here */
	uint32_t next : 31, live : 1;
};

struct arena {
	uint32_t owner;
	uint32_t free[CLASSES]; /* unit numbers */
	uint32_t fresh, end;
};

EXPORT struct vv_check_heap vv_check_heap;
static struct vv_check_heap *const h = &vv_check_heap;

static struct {
	_Atomic int lock;
	bool tried;
	uint32_t plots_max;
	struct meta *meta;
	uint32_t *live; /* blocks of each plot */
	struct arena *arenas;
} heap;

static void lock(void)
{
	int none = 0;

	while (!atomic_compare_exchange_weak(&heap.lock, &none, 1)) {
		none = 0;
		sched_yield();
	}
}

static void unlock(void)
{
	atomic_store(&heap.lock, 0);
}

static void *reserve(size_t size)
{
	void *p =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static bool block_of(const void *p, char **start, size_t *size);
static void retire(uint32_t owner);
int vv_check_locks(void);

static bool start(void)
{
	if (heap.tried)
		return h->base;
	heap.tried = true;
	h->block = block_of;
	h->retire = retire;
	h->locks = vv_check_locks;
	for (size_t size = 4ul << 30; size >= 64ul << 20 && !h->base; size /= 4) {
		heap.plots_max = size / VV_CHECK_PLOT;
		heap.meta = reserve(size / UNIT * sizeof *heap.meta);
		heap.live = reserve(heap.plots_max * sizeof *heap.live);
		h->owners = reserve(heap.plots_max * sizeof *h->owners);
		heap.arenas = reserve(ARENAS * sizeof *heap.arenas);
		if (heap.meta && heap.live && h->owners && heap.arenas)
			h->base = reserve(size);
	}
	return h->base;
}

static bool ours(const void *p)
{
	return h->base && (size_t)((const char *)p - h->base) < (size_t)h->plots * VV_CHECK_PLOT;
}

static char *address(uint32_t unit)
{
	return h->base + (size_t)unit * UNIT;
}

static uint32_t unit_of(const void *p)
{
	return (uint32_t)(((const char *)p - h->base) / UNIT);
}

/* ---- sizes ---- */

/* Classes of 16 bytes up to FINE, then four to each doubling. */
static int class_of(size_t units, size_t *rounded)
{
	size_t top = FINE / UNIT, step = top / 4;
	int c = (int)(top - 1);

	*rounded = units;
	if (units <= top)
		return (int)units - 1;
	for (*rounded = top; *rounded < units; c++) {
		if (*rounded == step * 8)
			step *= 2;
		*rounded += step;
	}
	return c;
}

/* ---- plots ---- */

static bool is_free(uint32_t plot)
{
	return h->owners[plot] == VV_CHECK_NOBODY && !heap.live[plot];
}

/* n plots in a row; the first, or -1. */
static long take_plots(uint32_t n, uint32_t owner)
{
	uint32_t run = 0, at;

	for (at = 0; at < h->plots && run < n; at++)
		run = is_free(at) ? run + 1 : 0;
	if (run < n) {
		if (h->plots + (n - run) > heap.plots_max)
			return -1;
		at = h->plots += n - run;
	}
	at -= n;
	mprotect(h->base + (size_t)at * VV_CHECK_PLOT, (size_t)n * VV_CHECK_PLOT, PROT_READ | PROT_WRITE);
	for (uint32_t i = at; i < at + n; i++) {
		h->owners[i] = owner;
		heap.live[i] = 1; /* not free meanwhile */
	}
	return at;
}

static void free_plots(uint32_t at, uint32_t n)
{
	memset(&heap.meta[(size_t)at * PLOT_UNITS], 0, (size_t)n * PLOT_UNITS * sizeof *heap.meta);
	for (uint32_t i = at; i < at + n; i++) {
		h->owners[i] = VV_CHECK_NOBODY;
		heap.live[i] = 0;
	}
	madvise(h->base + (size_t)at * VV_CHECK_PLOT, (size_t)n * VV_CHECK_PLOT, MADV_DONTNEED);
}

static struct arena *arena_of(uint32_t owner)
{
	struct arena *a = &heap.arenas[owner == VV_CHECK_NOBODY ? ARENAS - 1 : owner % (ARENAS - 1)];

	if (a->owner != owner)
		memset(a, 0, sizeof *a);
	a->owner = owner;
	return a;
}

/* ---- blocks ---- */

static char *begin(uint32_t unit, size_t units)
{
	heap.meta[unit] = (struct meta){.units = (uint32_t)units, .live = 1};
	heap.live[unit / PLOT_UNITS]++;
	if (h->begins)
		h->begins(address(unit), units * UNIT);
	return address(unit);
}

static char *small(struct arena *a, size_t units)
{
	int c = class_of(units, &units);
	uint32_t unit = a->free[c];
	long plot;

	if (unit) {
		a->free[c] = heap.meta[unit].next;
		return begin(unit, units);
	}
	if (a->end - a->fresh < units) {
		plot = take_plots(1, a->owner);
		if (plot < 0)
			return NULL;
		a->fresh = (uint32_t)plot * PLOT_UNITS + 1; /* 0 ends a list */
		a->end = ((uint32_t)plot + 1) * PLOT_UNITS;
	}
	unit = a->fresh;
	a->fresh += units;
	return begin(unit, units);
}

static char *large(uint32_t owner, size_t units)
{
	uint32_t n = (uint32_t)((units + PLOT_UNITS - 1) / PLOT_UNITS);
	long plot = take_plots(n, owner);

	if (plot < 0)
		return NULL;
	for (uint32_t i = 1; i < n; i++)
		heap.live[plot + i] = 2;
	return begin((uint32_t)plot * PLOT_UNITS, (size_t)n * PLOT_UNITS);
}

static void *get(size_t size)
{
	size_t units = size ? (size + UNIT - 1) / UNIT : 1;
	uint32_t owner = h->owner ? h->owner() : 0;
	char *p = NULL;

	if (size > 1ul << 30)
		return __libc_malloc(size);
	lock();
	if (start())
		p = units * UNIT > LARGE ? large(owner, units) : small(arena_of(owner), units);
	unlock();
	return p ? p : __libc_malloc(size);
}

static void put(void *p)
{
	uint32_t unit = unit_of(p), plot = unit / PLOT_UNITS;
	struct meta *m = &heap.meta[unit];
	size_t units = m->units, same;
	struct arena *a;
	int c;

	if (!m->live || (uintptr_t)p % UNIT) {
		static const char said[] = "free(): invalid pointer\n";

		if (write(2, said, sizeof said - 1))
			abort();
	}
	m->live = 0;
	heap.live[plot]--;
	if (units * UNIT > LARGE) {
		free_plots(plot, (uint32_t)((unit % PLOT_UNITS + units + PLOT_UNITS - 1) / PLOT_UNITS));
		return;
	}
	a = arena_of(h->owners[plot]);
	c = class_of(units, &same);
	if (same == units) {
		m->next = a->free[c];
		a->free[c] = unit;
	}
}

static bool block_of(const void *p, char **start, size_t *size)
{
	uint32_t unit, first;

	if (!ours(p))
		return false;
	unit = unit_of(p);
	first = unit / PLOT_UNITS * PLOT_UNITS;
	while (unit > first && !heap.meta[unit].units)
		unit--;
	while (!heap.meta[unit].units && unit >= PLOT_UNITS) /* a large one began further down */
		unit = (unit / PLOT_UNITS - 1) * PLOT_UNITS;
	*start = address(unit);
	*size = (size_t)heap.meta[unit].units * UNIT;
	return heap.meta[unit].live && (size_t)((const char *)p - *start) < *size;
}

static void retire(uint32_t owner)
{
	struct arena *a;

	lock();
	a = arena_of(owner);
	memset(a, 0, sizeof *a);
	a->owner = owner;
	for (uint32_t i = 0; i < h->plots; i++) {
		if (h->owners[i] != owner)
			continue;
		if (heap.live[i] == 1 && !heap.meta[(size_t)i * PLOT_UNITS].live)
			free_plots(i, 1);
		else
			h->owners[i] = 0;
	}
	unlock();
}

/* ---- the names ---- */

EXPORT void *malloc(size_t size)
{
	return get(size);
}

EXPORT void free(void *p)
{
	int saved = errno;

	if (!p)
		return;
	if (!ours(p)) {
		__libc_free(p);
	} else {
		lock();
		put(p);
		unlock();
	}
	errno = saved;
}

EXPORT void *calloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	p = get(total);
	return p ? memset(p, 0, total) : NULL;
}

EXPORT size_t malloc_usable_size(void *p)
{
	return ours(p) ? (size_t)heap.meta[unit_of(p)].units * UNIT
	       : p     ? ((size_t *)p)[-1] / UNIT * UNIT - sizeof(size_t)
		       : 0;
}

EXPORT void *realloc(void *p, size_t size)
{
	size_t has;
	void *q;

	if (!p)
		return get(size);
	if (!ours(p))
		return __libc_realloc(p, size);
	if (!size) {
		free(p);
		return NULL;
	}
	has = malloc_usable_size(p);
	if (size <= has && size > has / 2)
		return p;
	q = get(size);
	if (q) {
		memcpy(q, p, has < size ? has : size);
		free(p);
	}
	return q;
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (!__builtin_mul_overflow(n, size, &total))
		return realloc(p, total);
	errno = ENOMEM;
	return NULL;
}

/* Aligned blocks come from libc, and are not watched. */
EXPORT void *memalign(size_t alignment, size_t size)
{
	return alignment <= UNIT ? get(size) : __libc_memalign(alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORT int posix_memalign(void **to, size_t alignment, size_t size)
{
	void *p;

	if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
		return EINVAL;
	p = memalign(alignment, size);
	if (p)
		*to = p;
	return p ? 0 : ENOMEM;
}

EXPORT void *valloc(size_t size)
{
	return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

EXPORT void *pvalloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return memalign(page, (size + page - 1) & -page);
}
