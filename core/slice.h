/*
 * Slices: greenlets that share main's thread control block and main's stack. What a slice's frames hold, from its stack
 * pointer up to the common base, lies in a buffer while another slice occupies those addresses.
 */
#ifndef VV_SLICE_H
#define VV_SLICE_H

#include "core.h"

struct vv__slice {
	char *buf; /* thread-local ranges, then the stack */
	size_t cap, len;
	void *data;		  /* the interposers' */
	struct vv_greenlet *twin; /* being made */
	uint8_t job;
	bool has_alarm; /* interpose/timer.c's: a kernel timer of its own */
	int alarm;
	bool gone; /* dropped while on the run queue */
};

struct vv__slice_stats {
	_Atomic uint64_t copied, largest;
};
extern struct vv__slice_stats vv__slice_stats;

/* Called in the hub, if set, as the last before g runs and as the first after. */
extern void (*vv__slice_runs)(struct vv_greenlet *g);
extern void (*vv__slice_stops)(void);

/* Thread-local memory of main's that every slice has for itself. Before vv__slice_start. */
void vv__slice_range(void *at, size_t size);
/* What g, which does not run, has in the range that begins at `at`; null if it has nothing. */
void *vv__slice_saved(struct vv_greenlet *g, const void *at);
/* Its stack from the saved stack pointer on; null while it is in place. */
void *vv__slice_saved_stack(struct vv_greenlet *g, size_t *size);
/* Where frames end. */
char *vv__slice_base(void);
/* g, the main greenlet, becomes the first slice; its frames end at base. The hub is started. 0 or a negative errno. */
int vv__slice_start(struct vv_greenlet *g, void *base);
/* A second slice goes on from here, before the caller does. 1 in it, 0 in the caller, or a negative errno. data: its. */
int vv__slice_fork(void *data);
/* End a slice that does not run: it is parked or ready. */
void vv__slice_drop(struct vv_greenlet *g);
/* End the calling one. */
void vv__slice_end(void) __attribute__((noreturn));
/* True if the caller's frame is between the stack pointer and the base of main's stack. */
bool vv__slice_on_stack(void *base);

#endif
