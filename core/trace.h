/*
 * The record of what happened when: a ring of events in a file that is mapped shared, so it survives however the process
 * ends. `vervet timeline` makes JSON and pictures of it; the process has that done when it ends. Off, it costs one test of
 * a variable where an event would be noted.
 */
#ifndef VV_TRACE_H
#define VV_TRACE_H

#include "core.h"

enum vv__trace_kind {
	VV__TRACE_NEW = 1, /* id was made by other; what: its name */
	VV__TRACE_NAME,
	VV__TRACE_RUN, /* id runs on kernel thread tid */
	VV__TRACE_STOP, /* id has left kernel thread tid; what it waits for, "" if it is ready, or one of those below */
	VV__TRACE_WAKE,	    /* id was made ready by other; 0: by the hub, for an event or a deadline */
	VV__TRACE_HANDOVER, /* id keeps its kernel thread, the hub goes on on tid */
};

#define VV__TRACE_HOP "\x01hop"
#define VV__TRACE_ENDED                                                                                      \
	"\x01"                                                                                               \
	"end"

struct vv__trace_event {
	int64_t time;
	uint64_t id, other;
	int32_t tid;
	uint32_t kind; /* written last */
	char what[16];
};

#define VV__TRACE_MAGIC "vvtrace1"

struct vv__trace_ring {
	char magic[8];
	int32_t pid;
	uint32_t event_size;
	uint64_t capacity; /* a power of two */
	_Atomic uint64_t next;
	char program[32];
};

enum { VV__TRACE_HEADER = 4096 };

extern bool vv__tracing;

void vv__trace_start(void);
/* Write down what is there, as JSON. Once; nothing is noted any more. */
void vv__trace_end(void);
void vv__trace_forked(void);
void vv__trace_event(enum vv__trace_kind kind, uint64_t id, uint64_t other, int tid, const char *what);

#define vv__trace(...)                                                                                       \
	do {                                                                                                 \
		if (vv__unlikely(vv__tracing))                                                               \
			vv__trace_event(__VA_ARGS__);                                                        \
	} while (0)

#endif
