/*
 * The heap of a server under --fan-out=check (libvervet-check.so, preloaded before libvervet.so): every connection's blocks
 * lie on pages of their own, so that a write of another's can be trapped; what is known of a block lies elsewhere, so that
 * malloc itself never writes there. Memory that one connection frees is not another's until the first has ended.
 */
#ifndef VV_CHECK_HEAP_H
#define VV_CHECK_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VV_CHECK_PLOT = 64 * 1024 };
#define VV_CHECK_NOBODY UINT32_MAX /* owner of what other threads allocate, and of plots that are free */

struct vv_check_heap {
	char *base;
	uint32_t plots;	  /* used so far */
	uint32_t *owners; /* of each plot: a connection, 0 (no connection) or VV_CHECK_NOBODY */
	/* The block that p lies in. */
	bool (*block)(const void *p, char **start, size_t *size);
	/* How many locks the caller holds: what it writes then is meant to be shared. */
	int (*locks)(void);
	/* Connection `owner` has ended: what it leaves is nobody's in particular. */
	void (*retire)(uint32_t owner);
	/* Set by libvervet.so: whose the caller's blocks are; a block begins anew. */
	uint32_t (*owner)(void);
	void (*begins)(char *start, size_t size);
};
extern struct vv_check_heap vv_check_heap;

#endif
