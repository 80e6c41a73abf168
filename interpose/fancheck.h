/*
 * What fancheck.c found, for the vervet command to read and to put into words.
 */
#ifndef VV_FANCHECK_H
#define VV_FANCHECK_H

#include "../core/context_frame.h"

#include <stdint.h>

enum { VV__SITE_STACK = 3824 };

/* Where somebody stood: registers by DWARF's numbers, and the top of the stack. */
struct vv__site {
	uint32_t serial; /* of a connection; 0: none */
	uint32_t bytes;	 /* of stack */
	uint64_t registers[VV__FRAME_NUMBERS];
	char stack[VV__SITE_STACK];
};

struct vv__conflict {
	uint64_t address;     /* what was written */
	uint64_t start, size; /* of the variable or block that it lies in */
	uint64_t now, before; /* addresses of two sites; before 0: not known */
	uint32_t serial_now, serial_before;
	uint32_t in_heap;
	uint32_t waits; /* `before` is not where the other wrote, but where it waits: the block is its own */
};

#endif
