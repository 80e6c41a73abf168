/*
 * A group, as group.c and imap.c see it.
 */
#ifndef VV_API_GROUP_H
#define VV_API_GROUP_H

#include "api.h"

struct vv_group {
	struct vv__object object;
	unsigned max, count; /* max 0: no limit */
	bool hops;	     /* bodies run on carriers of their own */
	struct vv__life *first, *last;
};

#endif
