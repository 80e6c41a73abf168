/*
 * Detours: see detour.h.
 */
#include "detour.h"

static void *make_call(void *detour)
{
	struct vv__detour *d = detour;
	const long *a = d->a;

	vv__set_mask(vv__me(), ~0ul); /* no handler of the program's on this stack */
	vv__hop();
	errno = d->error;
	d->result = d->fn(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	d->error = errno;
	d->host_error = h_errno;
	vv__hop_back();
	atomic_store(&d->done, 1);
	vv__wake(&d->done, 1);
	return NULL;
}

struct vv__detour *vv__detour(size_t room)
{
	struct vv_greenlet *g = vv__me();
	size_t size = sizeof(struct vv__detour) + room + 64;
	struct vv__detour *d;

	if (!g->slice || g->native)
		return NULL;
	d = vv__pages(size);
	if (d) {
		d->size = size;
		d->next = (char *)(d + 1);
	}
	return d;
}

void *vv__detour_room(struct vv__detour *d, size_t n)
{
	char *p = d->next;

	d->next += (n + 15) & ~(size_t)15;
	return p;
}

void *vv__detour_copy(struct vv__detour *d, const void *p, size_t n)
{
	return p ? memcpy(vv__detour_room(d, n), p, n) : NULL;
}

static bool not_done(void *detour)
{
	return !atomic_load(&((struct vv__detour *)detour)->done);
}

long vv__detour_call(struct vv__detour *d, void *fn, const long a[7])
{
	struct vv__park p = {.key = &d->done,
	    .deadline = VV__FOREVER,
	    .what = "a call elsewhere",
	    .valid = not_done,
	    .arg = d};
	struct vv__birth b = {.fn = make_call, .arg = d, .join_state = VV__DETACHED};
	struct vv_greenlet *helper;

	memcpy(d->a, a, sizeof d->a);
	*(void **)&d->fn = fn;
	d->error = errno;
	if (vv__spawn(&helper, &b)) {
		make_call(d);
		return d->result;
	}
	while (not_done(d))
		vv__park_on(&p);
	errno = d->error;
	h_errno = d->host_error;
	return d->result;
}

void vv__detour_end(struct vv__detour *d)
{
	vv__syscall(SYS_munmap, d, d->size);
}
