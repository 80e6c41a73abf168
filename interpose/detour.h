/*
 * Blocking calls of slices (core/slice.h). A slice cannot hop: its stack's addresses would stay in use, and no other slice
 * could run. Instead a greenlet with a stack of its own makes the call on a carrier, with arguments and results in memory
 * that nobody's stack holds, and the slice is parked meanwhile.
 *
 *     struct vv__detour *d = vv__detour(room);
 *     if (d) {
 *             r = vv__detour_run(d, REAL(f), (long)vv__detour_copy(d, name, strlen(name) + 1), flags);
 *             vv__detour_end(d);
 *     }
 */
#ifndef VV_DETOUR_H
#define VV_DETOUR_H

#include "interpose.h"

struct vv__detour {
	long (*fn)(long, long, long, long, long, long, long);
	long a[7];
	long result;
	int error, host_error;
	_Atomic int done;
	size_t size;
	char *next; /* free room behind this record */
};

/* Null if the caller is no slice (or there is no memory): the call is made as any other. */
struct vv__detour *vv__detour(size_t room);
/* Memory that both sides may touch: n bytes of p, or (p null) null. */
void *vv__detour_copy(struct vv__detour *d, const void *p, size_t n);
/* n bytes of zero. */
void *vv__detour_room(struct vv__detour *d, size_t n);
/* Make the call. errno and h_errno are what it left. */
long vv__detour_call(struct vv__detour *d, void *fn, const long a[7]);
void vv__detour_end(struct vv__detour *d);

#define vv__detour_run(d, fn, ...) vv__detour_call(d, (void *)(fn), (const long[7]){__VA_ARGS__})

/* A call whose arguments are numbers, or pointers to memory that is not on the stack. True if it was made. */
#define vv__detoured(result, fn, ...)                                                                        \
	({                                                                                                   \
		struct vv__detour *d_ = vv__detour(0);                                                       \
		if (d_) {                                                                                    \
			*(result) = (__typeof__(*(result)))vv__detour_run(d_, fn, __VA_ARGS__);              \
			vv__detour_end(d_);                                                                  \
		}                                                                                            \
		d_ != NULL;                                                                                  \
	})

#endif
