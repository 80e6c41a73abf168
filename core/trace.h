/*
 * The record of what happened when: a ring of events in a file that is mapped shared, so it survives however the process
 * ends. `vervet timeline` makes JSON and pictures of it; the process has that done when it ends. Off, it costs one test of
 * a variable where an event would be noted.
 */
#ifndef VV_TRACE_H
#define VV_TRACE_H

#include "core.h"

enum vv__trace_kind {
	VV__TRACE_NEW = 1, /* id was made by other */
	VV__TRACE_NAME,	   /* of id: in place of time, other and tid */
	VV__TRACE_RUN,	   /* id runs on kernel thread tid */
	VV__TRACE_STOP,	   /* id has left kernel thread tid; what: for what it waits, or one of those below */
	VV__TRACE_SWITCH,  /* the same, and other runs there */
	VV__TRACE_WAKE,	   /* id was made ready by other; 0: by the hub, for an event or a deadline */
	VV__TRACE_HANDOVER, /* id keeps its kernel thread, the hub goes on on tid */
};

/* What a greenlet that stops waits for: one of these, or the place of its text in the ring's table from WORDS on. */
enum vv__trace_what { VV__TRACE_READY, VV__TRACE_HOP, VV__TRACE_ENDED, VV__TRACE_WORDS };

/* Two or three of these are written at each switch: small, and a counter of the CPU's for a clock. */
struct vv__trace_event {
	union {
		struct {
			uint64_t time;	/* the ring's clock */
			uint32_t other; /* the low half, as id */
			int32_t tid;
		};
		char name[16];
	};
	uint32_t id;
	uint16_t what;
	uint16_t kind; /* written last */
};

#define VV__TRACE_MAGIC "vvtrace2"

/* What the ring's clock said when CLOCK_MONOTONIC was at ns. */
struct vv__trace_moment {
	uint64_t time;
	int64_t ns;
};

struct vv__trace_ring {
	char magic[8];
	int32_t pid;
	uint32_t event_size;
	uint64_t capacity; /* a power of two */
	_Atomic uint64_t next;
	char program[32];
	struct vv__trace_moment first, last; /* far enough apart to tell the clock's pace */
	char words[128][24];
};

enum { VV__TRACE_HEADER = 4096 };

/* The CPU's counter, and whether it is good for a clock, once that has been tried. */
extern bool vv__counter_is_clock;
void vv__counter_try(void);
static inline uint64_t vv__counter(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
#endif
}

extern bool vv__tracing;

void vv__trace_start(void);
/* Write down what is there, as JSON. Once; nothing is noted any more. */
void vv__trace_end(void);
void vv__trace_forked(void);
void vv__trace_event(enum vv__trace_kind kind, uint64_t id, uint64_t other, int tid, unsigned what);
/* g stops on kernel thread tid, next runs there; null: the hub. */
void vv__trace_switch(struct vv_greenlet *g, struct vv_greenlet *next, int tid);
void vv__trace_new(struct vv_greenlet *g, struct vv_greenlet *by);

#define vv__trace(...)                                                                                       \
	do {                                                                                                 \
		if (vv__unlikely(vv__tracing))                                                               \
			vv__trace_event(__VA_ARGS__);                                                        \
	} while (0)

#endif
