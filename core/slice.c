/*
 * Slices (slice.h). Only the hub runs them, never another greenlet's vv__suspend: it copies on its own stack, out what
 * lies there and in what is to run, and only if they differ. A slice never leaves the hub's carrier: it is not handed
 * over, and its hops are made in place, since its addresses would stay in use anyway.
 *
 * The occupant is the slice whose data lies at its place. It is saved when another one is about to run, not when it
 * parks: a program that serves one connection at a time copies only when it branches.
 */
#include "slice.h"
#include "hub.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { FORK = 1, END };
enum { RANGES = 64, SMALLEST = 1024, CLASSES = 8, CUT = 256 * 1024, PAGE = 4096 };

struct range {
	char *at;
	size_t size;
};

static struct {
	struct range ranges[RANGES];
	int ranges_n;
	size_t local; /* bytes in all ranges */
	char *base;
	struct vv_greenlet *occupant;
} common;

static struct vv__slab slices = {.size = sizeof(struct vv__slice)};
struct vv__slice_stats vv__slice_stats;
void (*vv__slice_runs)(struct vv_greenlet *g);
void (*vv__slice_stops)(void);

/* ---- buffers: small ones in classes of powers of two, larger ones by themselves ---- */

static struct {
	void *free;
	char *fresh, *end;
} classes[CLASSES];

static int class_of(size_t size, size_t *cap)
{
	int c = 0;

	for (*cap = SMALLEST; c < CLASSES && *cap < size; c++)
		*cap *= 2;
	if (c == CLASSES)
		*cap = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	return c;
}

static char *cut(int c, size_t size)
{
	char *p;

	if ((size_t)(classes[c].end - classes[c].fresh) < size) {
		p = vv__pages(CUT);
		if (!p)
			return NULL;
		classes[c].fresh = p;
		classes[c].end = p + CUT;
	}
	p = classes[c].fresh;
	classes[c].fresh += size;
	return p;
}

static char *buffer_get(size_t size, size_t *cap)
{
	int c = class_of(size, cap);
	char *p;

	if (c == CLASSES)
		return vv__pages(*cap);
	p = classes[c].free;
	if (!p)
		return cut(c, *cap);
	classes[c].free = *(void **)p;
	return p;
}

static void buffer_put(char *p, size_t size)
{
	size_t cap;
	int c = class_of(size, &cap);

	if (!p)
		return;
	if (c == CLASSES) {
		vv__syscall(SYS_munmap, p, cap);
		return;
	}
	*(void **)p = classes[c].free;
	classes[c].free = p;
}

static bool fit(struct vv__slice *s, size_t size)
{
	char *p;
	size_t cap;

	if (size <= s->cap && (s->cap <= SMALLEST || size > s->cap / 4))
		return true;
	p = buffer_get(size, &cap);
	if (!p)
		return size <= s->cap;
	buffer_put(s->buf, s->cap);
	s->buf = p;
	s->cap = cap;
	return true;
}

/* ---- out and in ---- */

static void note(size_t bytes)
{
	atomic_fetch_add_explicit(&vv__slice_stats.copied, bytes, memory_order_relaxed);
	if (bytes > atomic_load_explicit(&vv__slice_stats.largest, memory_order_relaxed))
		atomic_store_explicit(&vv__slice_stats.largest, bytes, memory_order_relaxed);
}

static bool save(struct vv_greenlet *g)
{
	struct vv__slice *s = g->slice;
	size_t len = common.base - (char *)g->ctx.sp;
	char *p;

	if (!fit(s, common.local + len))
		return false;
	p = s->buf;
	for (int i = 0; i < common.ranges_n; i++) {
		memcpy(p, common.ranges[i].at, common.ranges[i].size);
		p += common.ranges[i].size;
	}
	memcpy(p, g->ctx.sp, len);
	s->len = len;
	note(len);
	return true;
}

static void load(struct vv_greenlet *g)
{
	char *p = g->slice->buf;

	for (int i = 0; i < common.ranges_n; i++) {
		memcpy(common.ranges[i].at, p, common.ranges[i].size);
		p += common.ranges[i].size;
	}
	memcpy(g->ctx.sp, p, g->slice->len);
	note(g->slice->len);
}

static void occupy(struct vv_greenlet *g)
{
	common.occupant = g;
	*vv__self_of(g->thread) = g;
}

static void reclaim(struct vv_greenlet *g)
{
	struct vv__slice *s = g->slice;

	if (common.occupant == g)
		common.occupant = NULL;
	if (s->has_alarm)
		vv__syscall(SYS_timer_delete, s->alarm);
	buffer_put(s->buf, s->cap);
	vv__slab_put(&slices, s);
	vv__twin_gone(g);
}

/* In the hub, before it switches to g. False: g is no more. */
bool vv__slice_install(struct vv_greenlet *g)
{
	if (vv__unlikely(g->slice->gone)) {
		reclaim(g);
		return false;
	}
	if (common.occupant == g)
		return true;
	if (common.occupant && !save(common.occupant))
		vv__die("out of memory for a connection's stack");
	load(g);
	occupy(g);
	return true;
}

/* ---- branching and ending: the hub's part ---- */

/* What lies on the stack becomes the new one's, the old one's is put away: one copy. */
static void fork_now(struct vv_greenlet *g)
{
	struct vv_greenlet *twin = g->slice->twin;

	if (!save(g))
		vv__die("out of memory for a connection's stack");
	twin->ctx = g->ctx;
	occupy(twin);
	atomic_store(&twin->state, VV__RUNNABLE);
	atomic_store(&g->state, VV__RUNNABLE);
	vv__push(g->hub, twin);
	vv__push(g->hub, g);
}

void vv__slice_after(struct vv_greenlet *g)
{
	uint8_t job = g->slice->job;

	g->slice->job = 0;
	if (job == FORK)
		fork_now(g);
	else
		reclaim(g);
}

static void ask(struct vv_greenlet *g, uint8_t job)
{
	g->slice->job = job;
	g->hub->slice = g;
	vv__context_switch(&g->ctx, &g->hub->ctx);
}

/* ---- the callers' part ---- */

void vv__slice_range(void *at, size_t size)
{
	if (common.ranges_n == RANGES)
		return;
	common.ranges[common.ranges_n++] = (struct range){at, size};
	common.local += size;
}

void *vv__slice_saved(struct vv_greenlet *g, const void *at)
{
	char *p = g->slice->buf;

	for (int i = 0; p && i < common.ranges_n; i++) {
		if (common.ranges[i].at == at)
			return p;
		p += common.ranges[i].size;
	}
	return NULL;
}

void *vv__slice_saved_stack(struct vv_greenlet *g, size_t *size)
{
	*size = g->slice->len;
	return g != common.occupant && g->slice->buf ? g->slice->buf + common.local : NULL;
}

char *vv__slice_base(void)
{
	return common.base;
}

bool vv__slice_on_stack(void *base)
{
	char *here = __builtin_frame_address(0), *top = base;
	struct rlimit limit = {0, 0};

	vv__syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit);
	return here < top && (size_t)(top - here) < limit.rlim_cur;
}

int vv__slice_start(struct vv_greenlet *g, void *base)
{
	int r = 0;

	if (!atomic_load(&vv__started))
		r = vv__hub_start(g);
	if (r < 0)
		return r;
	vv__monitor_keep();
	g->slice = vv__slab_get(&slices);
	if (!g->slice)
		return -ENOMEM;
	g->cooperative = true;
	common.base = base;
	occupy(g);
	return 0;
}

int vv__slice_fork(void *data)
{
	struct vv_greenlet *g = vv__me(), *twin;
	struct vv__slice *s = vv__slab_get(&slices);

	if (!s)
		return -ENOMEM;
	vv__enter(g);
	twin = vv__twin(g);
	if (!twin) {
		vv__slab_put(&slices, s);
		vv__leave(g);
		return -ENOMEM;
	}
	s->data = data;
	twin->slice = s;
	twin->cooperative = true;
	g->slice->twin = twin;
	ask(g, FORK);
	twin = vv__self; /* one of the two */
	vv__leave(twin);
	return twin != g;
}

void vv__slice_drop(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__me();
	uint8_t state;

	vv__enter(me);
	while (g->wait) {
		vv__wait_unqueue(g->wait);
		vv__wait_end(g, g->wait);
	}
	state = atomic_load(&g->state);
	if (state == VV__PARKED)
		reclaim(g);
	else
		g->slice->gone = true;
	vv__leave(me);
}

void vv__slice_end(void)
{
	struct vv_greenlet *g = vv__me();

	vv__enter(g);
	ask(g, END);
	vv__die("an ended slice was resumed");
}

/* In a forked child: the caller is an ordinary main. */
void vv__slice_forget(struct vv_greenlet *g)
{
	g->slice = NULL;
	g->cooperative = false;
	common.occupant = NULL;
	common.ranges_n = 0;
	common.local = 0;
}
