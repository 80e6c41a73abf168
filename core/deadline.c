/*
 * A 4-ary heap: shallower than a binary one, and the four children share a cache line.
 */
#include "deadline.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { FIRST_CAP = 512 };

static bool before(const struct vv__wait *a, const struct vv__wait *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void place(struct vv__heap *h, uint32_t i, struct vv__wait *w)
{
	h->at[i] = w;
	w->heap_index = i + 1;
}

static void sift_up(struct vv__heap *h, uint32_t i, struct vv__wait *w)
{
	for (uint32_t up; i > 0 && before(w, h->at[up = (i - 1) / 4]); i = up)
		place(h, i, h->at[up]);
	place(h, i, w);
}

static void sift_down(struct vv__heap *h, uint32_t i, struct vv__wait *w)
{
	for (;;) {
		uint32_t child = 4 * i + 1, best = child;

		if (child >= h->n)
			break;
		for (uint32_t c = child + 1; c < child + 4 && c < h->n; c++)
			if (before(h->at[c], h->at[best]))
				best = c;
		if (!before(h->at[best], w))
			break;
		place(h, i, h->at[best]);
		i = best;
	}
	place(h, i, w);
}

static int grow(struct vv__heap *h)
{
	size_t size = h->cap * sizeof *h->at;
	long p;

	if (!h->cap)
		p = (long)vv__pages(FIRST_CAP * sizeof *h->at);
	else
		p = vv__syscall(SYS_mremap, h->at, size, 2 * size, MREMAP_MAYMOVE);
	if (p == 0 || (p < 0 && p > -4096))
		return -ENOMEM;
	h->at = (struct vv__wait **)p;
	h->cap = h->cap ? 2 * h->cap : FIRST_CAP;
	return 0;
}

int vv__heap_add(struct vv__heap *h, struct vv__wait *w)
{
	if (h->n == h->cap && grow(h) < 0)
		return -ENOMEM;
	w->order = h->order++;
	sift_up(h, h->n++, w);
	return 0;
}

void vv__heap_remove(struct vv__heap *h, struct vv__wait *w)
{
	uint32_t i = w->heap_index - 1;
	struct vv__wait *last = h->at[--h->n];

	w->heap_index = 0;
	if (last == w)
		return;
	if (i > 0 && before(last, h->at[(i - 1) / 4]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

void vv__heap_rebuild(struct vv__heap *h)
{
	for (uint32_t i = h->n; i-- > 0;)
		sift_down(h, i, h->at[i]);
}
