/*
 * Small stacks, cut from large mappings. glibc maps each stack by itself and protects its guard, which takes two of the
 * kernel's mappings a thread: at the default vm.max_map_count that ends at 32,000 threads. A guard made with
 * MADV_GUARD_INSTALL (Linux 6.13) splits nothing, so a million stacks are a handful of mappings. Where the kernel does
 * not know it, and for large stacks, which would need a page table more for their guard, glibc's own way is taken.
 */
#include "hub.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { LARGE = 256 * 1024, CUT = 1024, CLASSES = 8, PAGE = 4096, GUARD_INSTALL = 102 };

struct slot {
	struct slot *next; /* lies at the top of a free slot, in memory that was used anyway */
};

static struct class
{
	size_t size, guard;
	struct slot *free;
	char *fresh, *end; /* the rest of the newest mapping */
} classes[CLASSES];

static _Atomic int lock;
static bool unsupported;

static struct class *class_of(size_t size, size_t guard)
{
	for (int i = 0; i < CLASSES; i++) {
		struct class *c = &classes[i];

		if (!c->size)
			*c = (struct class){.size = size, .guard = guard};
		if (c->size == size && c->guard == guard)
			return c;
	}
	return NULL;
}

static bool map_more(struct class *c)
{
	size_t bytes = CUT * (c->size + c->guard);
	char *p = vv__pages(bytes);

	if (!p)
		return false;
	vv__syscall(SYS_madvise, p, bytes, MADV_NOHUGEPAGE);
	c->fresh = p;
	c->end = p + bytes;
	return true;
}

static char *cut(struct class *c)
{
	char *p;

	if (c->fresh == c->end && !map_more(c))
		return NULL;
	p = c->fresh;
	if (c->guard && vv__syscall(SYS_madvise, p, c->guard, GUARD_INSTALL) < 0) {
		unsupported = true;
		return NULL;
	}
	c->fresh += c->guard + c->size;
	return p + c->guard;
}

/* The lowest address of a stack of size bytes above guard bytes that fault, or null: let glibc make it. */
void *vv__stack_get(size_t size, size_t guard)
{
	struct class *c;
	char *p = NULL;

	guard = (guard + PAGE - 1) & ~(size_t)(PAGE - 1);
	if (size > LARGE || size % PAGE || unsupported)
		return NULL;
	vv__lock(&lock);
	c = class_of(size, guard);
	if (c && c->free) {
		p = (char *)(c->free + 1) - size;
		c->free = c->free->next;
	} else if (c) {
		p = cut(c);
	}
	vv__unlock(&lock);
	return p;
}

void vv__stack_put(void *stack, size_t size, size_t guard)
{
	struct slot *s = (struct slot *)((char *)stack + size) - 1;
	struct class *c;

	guard = (guard + PAGE - 1) & ~(size_t)(PAGE - 1);
	vv__lock(&lock);
	c = class_of(size, guard);
	s->next = c->free;
	c->free = s;
	vv__unlock(&lock);
}
