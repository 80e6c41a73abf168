/*
 * What a process shows of itself to those who look from outside (vervet dump, gdb): where the records are, and the
 * places of the fields in them. The tool that is built with the library reads whole records and needs their sizes only
 * as a check; gdb's script reads the offsets. Nothing of this costs the process anything.
 */
#ifndef VV_INTROSPECT_H
#define VV_INTROSPECT_H

#include "hub.h"

#define VV__INTROSPECTION_MAGIC "vervet1"

struct vv__introspection {
	char magic[8];
	uint32_t size, greenlet_size, hub_size, wait_size, stats_size, carrier_size;
	/* addresses */
	struct vv_greenlet **all;
	struct vv__hub *hub;
	struct vv__stats *stats;
	_Atomic int *live;
	/* offsets, for readers that do not know the structures */
	uint32_t id, name, state, context, all_next, wait, carrier, tid, thread, foreign;
	uint32_t wait_what, wait_key, carrier_tid, hub_running;
	/* what scripts/vervet-gdb.py does not read */
	uint32_t unhooked_size;
	struct vv__unhooked *unhooked;
};

extern const struct vv__introspection vv_introspection;

#endif
