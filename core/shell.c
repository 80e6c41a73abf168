/*
 * Shells of vv greenlets: small stacks, and thread control blocks (TCBs) that are copies of a template. A real
 * pthread_create per greenlet would cost a clone and two memory maps, of which a process may have 65,530. So one real
 * shell is made for each class of stack size and never resumed; the others are its image at another address: every word
 * of its TCB and thread-local storage that points into the template's region is moved, the rest copied.
 *
 *   region: | guard page | stack ... | static TLS | TCB | dynamic thread vector | record | the API's part |
 *
 * Stack top and TCB lie next to each other, so that a blocked greenlet touches two pages. Regions are never unmapped.
 * glibc does not have the copies on its lists: it sends them no setuid signal (carriers get it), and does not
 * initialise in them the static TLS of a library opened later (the template gets it, hence later copies).
 */
#include "hub.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	PAGE = 4096,
	CHUNK = 4 << 20,
	CLASSES = 8,
	GUARDS_MAX = 8192, /* where guard pages split maps: keep most of the 65,530 for the program */
	USER_BYTES = 256,  /* the API's part */
	VECTOR_SLOTS = 30,
	VECTOR_SPARE = 14,   /* glibc's own: modules that may be opened later */
	GUARD_INSTALL = 102, /* MADV_GUARD_INSTALL, Linux 6.13: a guard page without a map of its own */
	POOL_WARM = 2048,    /* ended shells that keep their stack's pages */
};

struct slot { /* glibc's dtv_t */
	uintptr_t value;
	void *to_free;
};

struct region {
	struct slot vector[VECTOR_SLOTS + 2];
	struct vv_greenlet g __attribute__((aligned(64)));
	char user[USER_BYTES] __attribute__((aligned(64)));
};

struct class
{
	size_t size; /* of a region */
	char *image; /* the template's region, or null */
	char *fresh, *end;
	struct vv_greenlet *pool;
	uint32_t pool_n;
};

static struct {
	_Atomic int lock;
	struct class class[CLASSES + 1]; /* from 1 */
	uint32_t guards;
	bool no_guard_install;
	size_t static_size; /* of static TLS and TCB */
} shells;

static struct region *region_of(const char *base, size_t size)
{
	return (struct region *)(base + size - sizeof(struct region));
}

static char *base_of(struct vv_greenlet *g, size_t size)
{
	return (char *)g + sizeof(struct region) - offsetof(struct region, g) - size;
}

/* ---- memory ---- */

static void guard(char *page)
{
	if (!shells.no_guard_install && vv__syscall(SYS_madvise, page, PAGE, GUARD_INSTALL) == 0)
		return;
	shells.no_guard_install = true;
	if (shells.guards < GUARDS_MAX && vv__syscall(SYS_mprotect, page, PAGE, PROT_NONE) == 0)
		shells.guards++;
}

static char *carve(struct class *c)
{
	size_t chunk = c->size > CHUNK ? c->size : CHUNK;
	char *p;

	if (c->end - c->fresh < (ptrdiff_t)c->size) {
		p = vv__pages(chunk);
		if (!p)
			return NULL;
		vv__syscall(SYS_madvise, p, chunk, MADV_NOHUGEPAGE);
		c->fresh = p;
		c->end = p + chunk;
	}
	p = c->fresh;
	c->fresh += c->size;
	guard(p);
	return p;
}

/* ---- the template ---- */

static void *template_main(void *greenlet)
{
	vv__shell_publish(greenlet);
	vv__die("the template of vv greenlets was resumed");
}

/* What the copy relies on: the place of TCB and vector. */
static bool is_as_expected(const struct vv_greenlet *g, const char *base, const char *end)
{
	const uintptr_t *tcb = (const uintptr_t *)g->ctx.tp;
	const struct slot *vector = (const struct slot *)tcb[1];

	return (char *)tcb > base && (char *)tcb < end && tcb[0] == g->ctx.tp && tcb[2] == g->ctx.tp &&
	       vector[-1].value >= VECTOR_SPARE && vector[-1].value < 4096 && vv__tcb_tid_offset() >= 16;
}

static bool read_static_size(void)
{
	void (*info)(size_t *, size_t *);
	size_t align;

	*(void **)&info = dlvsym(RTLD_DEFAULT, "_dl_get_tls_static_info", "GLIBC_PRIVATE");
	if (info)
		info(&shells.static_size, &align);
	return info != NULL;
}

static bool make_image(struct class *c)
{
	char *base = carve(c);
	struct region *r = base ? region_of(base, c->size) : NULL;
	pthread_attr_t attr;
	int e;

	if (!r || (!shells.static_size && !read_static_size()) || pthread_attr_init(&attr))
		return false;
	r->g.hub = &vv__hub;
	e = pthread_attr_setstack(&attr, base + PAGE, (char *)r - base - PAGE);
	if (e == 0)
		e = vv__shell_start(&r->g, &attr, template_main, &r->g);
	pthread_attr_destroy(&attr);
	if (e)
		return false;
	vv__shell_await(&r->g);
	if (!is_as_expected(&r->g, base, (char *)r))
		return false;
	c->image = base;
	return true;
}

/* ---- copies ---- */

/* Copy the words from..to of the image to the region at base. A fresh region is zero already, and its pages stay
 * untouched where the image is zero, too. */
static void copy_words(const struct class *c, char *base, const char *from, const char *to, bool fresh)
{
	uintptr_t old = (uintptr_t)c->image, moved = (uintptr_t)base - old;

	for (const uintptr_t *p = (const uintptr_t *)from; (const char *)p < to; p++) {
		uintptr_t word = *p;

		if (word - old < c->size)
			word += moved;
		if (word || !fresh)
			*(uintptr_t *)((char *)p + moved) = word;
	}
}

static bool copy_vector(const struct class *c, char *base, struct region *r, uintptr_t *tcb)
{
	const struct slot *from = ((struct slot **)region_of(c->image, c->size)->g.ctx.tp)[1] - 1;
	uintptr_t old = (uintptr_t)c->image, n = from[0].value;

	if (n - VECTOR_SPARE > VECTOR_SLOTS - VECTOR_SPARE / 2)
		return false;
	for (uintptr_t i = 0; i < VECTOR_SLOTS + 2 && i < n + 2; i++) {
		r->vector[i] = from[i];
		if (i > 1 && from[i].value - old < c->size)
			r->vector[i].value += (uintptr_t)base - old;
	}
	r->vector[0].value = VECTOR_SLOTS;
	tcb[1] = (uintptr_t)&r->vector[1];
	return true;
}

/* A list of glibc's that the copy is not on: a ring of one. It lies before the thread id (nptl/descr.h). */
static void unlink_copy(uintptr_t tcb)
{
	uintptr_t *list = (uintptr_t *)(tcb + vv__tcb_tid_offset() - 16);

	list[0] = list[1] = (uintptr_t)list;
}

static struct vv_greenlet *copy_image(struct class *c, char *base)
{
	struct region *r = region_of(base, c->size), *image = region_of(c->image, c->size);
	uintptr_t tp = image->g.ctx.tp + (uintptr_t)base - (uintptr_t)c->image;

	copy_words(c, base, (char *)image - shells.static_size, (char *)image, true);
	if (!copy_vector(c, base, r, (uintptr_t *)tp))
		return NULL;
	unlink_copy(tp);
	r->g.ctx.tp = tp;
	r->g.thread = (pthread_t)tp;
	r->g.cancel = (_Atomic int *)((char *)image->g.cancel + (tp - image->g.ctx.tp));
	r->g.shell_class = c - shells.class;
	r->g.stack_size = c->size - sizeof *r - PAGE;
	r->g.guard_size = PAGE;
	r->g.pooled = true;
	return &r->g;
}

/* A program built with AddressSanitizer: frames that were unwound have left their marks. */
extern void __asan_unpoison_memory_region(const volatile void *, size_t) __attribute__((weak));

/* Unwinding leaves marks in the TCB: back to the image, but with its own vector and off glibc's lists. */
static void mend(struct class *c, struct vv_greenlet *g)
{
	char *base = base_of(g, c->size);
	struct region *image = region_of(c->image, c->size);
	uintptr_t *tcb = (uintptr_t *)g->ctx.tp, vector = tcb[1];

	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(base + PAGE, (char *)tcb - base - PAGE);
	copy_words(c, base, (char *)image->g.ctx.tp, (char *)image, false);
	tcb[1] = vector;
	unlink_copy(g->ctx.tp);
}

/* ---- taking and giving back ---- */

static struct class *class_for(size_t stack)
{
	size_t size = 32 * 1024;

	while (size < stack + sizeof(struct region) + PAGE && size < 1ul << 40)
		size *= 2;
	for (int i = 1; i <= CLASSES; i++) {
		struct class *c = &shells.class[i];

		if (c->size == 0)
			c->size = size;
		if (c->size == size)
			return c;
	}
	return NULL;
}

static struct vv_greenlet *take(size_t stack)
{
	struct class *c = class_for(stack);
	struct vv_greenlet *g = NULL;
	char *base;

	if (!c)
		return NULL;
	if ((g = c->pool)) {
		c->pool = g->next;
		c->pool_n--;
		vv__count(recycled);
		if (g->unwound)
			mend(c, g);
		return g;
	}
	if (!c->image && !make_image(c))
		return NULL;
	base = carve(c);
	return base ? copy_image(c, base) : NULL;
}

struct vv_greenlet *vv__shell_take(size_t stack)
{
	struct vv_greenlet *me = vv__me(), *g;
	uint8_t inside = me->inside;

	me->inside = 1;
	vv__lock(&shells.lock);
	g = take(stack);
	vv__unlock(&shells.lock);
	me->inside = inside;
	if (g) {
		struct region *r = (struct region *)((char *)g - offsetof(struct region, g));

		g->user = memset(r->user, 0, sizeof r->user);
	}
	return g;
}

void vv__shell_put(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__self;
	struct class *c = &shells.class[g->shell_class];
	uint8_t inside = me->inside;
	char *base = base_of(g, c->size);

	me->inside = 1;
	vv__lock(&shells.lock);
	if (c->pool_n >= POOL_WARM)
		vv__syscall(
		    SYS_madvise, base + PAGE, ((char *)g - base - 2 * PAGE) & ~(PAGE - 1l), MADV_DONTNEED);
	g->next = c->pool;
	c->pool = g;
	c->pool_n++;
	vv__unlock(&shells.lock);
	me->inside = inside;
}

void *vv__shell_stack_top(struct vv_greenlet *g)
{
	struct class *c = &shells.class[g->shell_class];
	char *r = (char *)region_of(base_of(g, c->size), c->size);

	return (void *)(((uintptr_t)r - shells.static_size - 64) & ~63ul);
}
