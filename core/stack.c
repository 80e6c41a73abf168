/*
 * Thread stacks, cut from larger mappings. glibc maps each stack by itself and protects its guard, which takes two of the
 * kernel's mappings a thread: at the default vm.max_map_count that ends at 32,000 threads, and making them is a good part
 * of what a thread costs. A guard made with MADV_GUARD_INSTALL (Linux 6.13) splits nothing, so a million stacks are a
 * handful of mappings; but a debugger that reads a mapping from its begin stops there, so the first guards are protected
 * as glibc's are. Where the kernel does not know it, for very large stacks and for programs whose stacks are executable,
 * glibc's own way is taken.
 *
 *   mapping: | guard | stack | guard | stack | ...
 */
#include "hub.h"

#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum {
	MAPPING = 64 << 20, /* at most */
	PROTECTED = 2048,   /* guards that split mappings */
	CLASSES = 8,
	PAGE = 4096,
	GUARD_INSTALL = 102,
	KEPT = 16 * 1024, /* of an ended thread's stack: what the next will use at least */
	RECENT = 64,
};

/* Free stacks: this one, by whose last page it lies, and those it names, which keep no memory. */
struct hoard {
	struct hoard *next;
	size_t n;
	char *stack[PAGE / sizeof(void *) - 2];
};

static struct class
{
	size_t size, guard, cut;
	char *recent
	    [RECENT]; /* put last: their TCBs still say that the thread has ended, to who joins it once more */
	unsigned first, n;
	struct hoard *free;
	char *fresh, *end; /* the rest of the newest mapping */
} classes[CLASSES];

static _Atomic int lock;
static _Atomic bool unsupported;

/* ---- executable stacks ---- */

struct objects {
	unsigned long long seen, now; /* how many were ever loaded */
	bool executable;
};

/* As the dynamic linker sees it: stacks are executable if one object says so, or the program itself says nothing. */
static int look_at(struct dl_phdr_info *object, size_t size, void *objects)
{
	struct objects *o = objects;
	bool first = o->now == 0, says = false;

	(void)size;
	o->now = object->dlpi_adds;
	if (o->now == o->seen)
		return 1;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_GNU_STACK) {
			says = true;
			o->executable |= object->dlpi_phdr[i].p_flags & PF_X;
		}
	o->executable |= first && !says;
	return 0;
}

static bool is_executable(void)
{
	static _Atomic unsigned long long seen;
	struct objects o = {.seen = atomic_load(&seen)};

	vv__each_object(look_at, &o);
	if (o.executable)
		atomic_store(&unsupported, true);
	atomic_store(&seen, o.now);
	return o.executable;
}

/* ---- cutting ---- */

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

static bool is_limited(void)
{
	struct rlimit limit;

	return vv__syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY;
}

/* Few threads get little more than they asked for. */
static size_t how_many(const struct class *c)
{
	size_t n = 1 + c->cut / 4, most = MAPPING / (c->size + c->guard);

	return n == 1 || is_limited() ? 1 : n < most ? n : most;
}

/* Locked memory cannot have guards of that kind, and must not be more than the program asks for. */
static bool map_more(struct class *c)
{
	size_t bytes = how_many(c) * (c->size + c->guard);
	char *p = vv__pages_to_spare(bytes);

	if (!p)
		return false;
	if (c->guard && vv__syscall(SYS_madvise, p, PAGE, GUARD_INSTALL) < 0) {
		atomic_store(&unsupported, true);
		vv__syscall(SYS_munmap, p, bytes);
		return false;
	}
	vv__syscall(SYS_madvise, p, bytes, MADV_NOHUGEPAGE);
	c->fresh = p;
	c->end = p + bytes;
	return true;
}

static bool put_guard(char *p, size_t bytes)
{
	static unsigned protected;

	if (protected < PROTECTED && vv__syscall(SYS_mprotect, p, bytes, PROT_NONE) == 0) {
		protected++;
		return true;
	}
	return vv__syscall(SYS_madvise, p, bytes, GUARD_INSTALL) == 0;
}

static void *cut(struct class *c)
{
	char *p;

	if (c->fresh == c->end && !map_more(c))
		return NULL;
	p = c->fresh;
	if (c->guard && !put_guard(p, c->guard))
		return NULL;
	c->fresh += c->guard + c->size;
	c->cut++;
	return p + c->guard;
}

/* ---- free ones ---- */

static struct hoard *hoard_of(char *stack, size_t size)
{
	return (struct hoard *)(stack + size - PAGE);
}

static char *pop(struct class *c)
{
	struct hoard *h = c->free;

	if (h->n)
		return h->stack[--h->n];
	c->free = h->next;
	return (char *)h + PAGE - c->size;
}

static char *oldest(struct class *c)
{
	c->n--;
	return c->recent[c->first++ % RECENT];
}

static void push(struct class *c, char *stack)
{
	struct hoard *h = c->free;

	vv__syscall(SYS_madvise, stack + c->size - KEPT, KEPT, MADV_DONTNEED);
	if (h && h->n < sizeof h->stack / sizeof *h->stack) {
		h->stack[h->n++] = stack;
		return;
	}
	c->free = hoard_of(stack, c->size);
	c->free->next = h;
	c->free->n = 0;
}

static size_t whole_pages(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* The lowest address of a stack of size bytes above guard bytes that fault, or null: let glibc make it. */
void *vv__stack_get(size_t size, size_t guard)
{
	struct class *c;
	void *p = NULL;

	guard = whole_pages(guard);
	if (atomic_load(&unsupported) || size % PAGE || size < KEPT || size + guard > MAPPING ||
	    is_executable())
		return NULL;
	vv__lock(&lock);
	c = class_of(size, guard);
	if (c)
		p = c->free ? pop(c) : c->n ? oldest(c) : cut(c);
	vv__unlock(&lock);
	return p;
}

void vv__stack_put(void *stack, size_t size, size_t guard)
{
	struct class *c;

	vv__syscall(SYS_madvise, stack, size - KEPT, MADV_DONTNEED);
	vv__lock(&lock);
	c = class_of(size, whole_pages(guard));
	if (c->n == RECENT)
		push(c, oldest(c));
	c->recent[(c->first + c->n++) % RECENT] = stack;
	vv__unlock(&lock);
}

/* ---- memory of the ended ---- */

/*
 * Where the stack of a thread begins that glibc made, or null: in the TCB are, one after the other, the address of its
 * mapping, the size of that, and twice the size of the guard at its begin (nptl/descr.h).
 */
static char *lowest_of_glibc(const struct vv_greenlet *g)
{
	enum { FROM = 64 / sizeof(uintptr_t), TO = 2304 / sizeof(uintptr_t) };
	const uintptr_t *tcb = (const uintptr_t *)g->thread, guard = whole_pages(g->guard_size);
	uintptr_t tp = (uintptr_t)tcb, sp = (uintptr_t)g->ctx.sp;

	for (int i = FROM; i < TO - 3; i++) {
		const uintptr_t *at = tcb + i;

		if (at[0] % PAGE == 0 && at[0] < sp && at[1] >= g->stack_size && at[0] + at[1] > tp &&
		    at[0] + at[1] > sp && at[2] == guard && at[3] == g->guard_size)
			return (char *)at[0] + guard;
	}
	return NULL;
}

/* Give back what g's stack has had below the present end of it, where its registers are saved. */
void vv__stack_trim(const struct vv_greenlet *g)
{
	char *low = g->stack ? g->stack : lowest_of_glibc(g);
	char *high = (char *)(((uintptr_t)g->ctx.sp - KEPT) & ~(uintptr_t)(PAGE - 1));

	if (low && high > low)
		vv__syscall(SYS_madvise, low, high - low, MADV_DONTNEED);
}
