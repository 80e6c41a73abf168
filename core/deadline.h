/*
 * The hub's timers: a 4-ary heap of waits, earliest deadline first. Touched inside the hub only.
 */
#ifndef VV_DEADLINE_H
#define VV_DEADLINE_H

#include "core.h"

struct vv__heap {
	struct vv__wait **at; /* at[0] is the earliest */
	uint32_t n, cap;
	uint64_t order; /* equal deadlines fire in the order in which they were set */
};

/* Returns 0 or -ENOMEM. */
int vv__heap_add(struct vv__heap *h, struct vv__wait *w);
void vv__heap_remove(struct vv__heap *h, struct vv__wait *w);

/* Deadlines have changed in place. */
void vv__heap_rebuild(struct vv__heap *h);

static inline int64_t vv__heap_earliest(const struct vv__heap *h)
{
	return h->n ? h->at[0]->deadline : VV__FOREVER;
}

#endif
