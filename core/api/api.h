/*
 * What the files of the public API share. Hidden from programs.
 *
 * Sections. Every operation on an object happens between vv__begin and vv__end: the greenlet holds the hub, as inside a
 * park, and the API's one lock, for those who cannot hold it (hopped and foreign threads). Nothing in a section blocks,
 * allocates through libc or runs program code.
 *
 * Objects come from slabs that are never unmapped: a handle that was freed is recognised by its type until its memory is
 * used for another object of the same kind. Freeing wakes every waiter; each of them holds a reference while it waits.
 */
#ifndef VV_API_H
#define VV_API_H

#include "../hub.h"
#include "../vervet.h"

#define API __attribute__((visibility("default")))

enum vv__type {
	VV__T_GREENLET = 0x7601,
	VV__T_EVENT,
	VV__T_RESULT,
	VV__T_QUEUE,
	VV__T_SEMAPHORE,
	VV__T_LOCK,
	VV__T_CONDITION,
	VV__T_GROUP,
	VV__T_IMAP,
	VV__T_LOCAL,
	VV__T_TIMEOUT,
	VV__T_WAITER,
	VV__T_ACTOR,
	VV__T_PROCESS,
	VV__T_SERVER,
};

struct vv__object;

/* Somebody who wants to know, in a section, that an object has become ready. */
struct vv__watch {
	struct vv__watch *next, *prev;
	struct vv__object *object; /* null: not on its list */
	void (*notify)(struct vv__watch *);
};

struct vv__object {
	struct vv__watch *watches; /* first word: the slab's when free */
	uint32_t type;		   /* 0: freed */
	uint32_t refs;
	struct vv__slab *slab;
	void (*last)(struct vv__object *); /* in a section: the last reference is gone */
};

/* A callback of vv_link. */
struct vv__link {
	struct vv__link *next;
	void (*fn)(struct vv_greenlet *, void *);
	void *arg;
};

/* The API's part of a greenlet: g->user. Of vv greenlets in their region; of others from a slab. */
struct vv__life {
	struct vv__object object;
	struct vv_greenlet *g;
	void *(*fn)(void *);
	void *arg;
	void *value;
	char *message;
	int error;
	bool started, ready, failed;
	bool no_block; /* runs the callback of a link */
	bool told;     /* its links' callbacks have been called */
	bool hops;     /* a thread pool's: the body runs on a carrier of its own */
	struct vv__link *links, *last_link;
	struct vv_group *group; /* the one it is in, and its neighbours there */
	struct vv__life *group_next, *group_prev;
	struct vv_timeout *timeouts; /* armed ones */
	struct vv_timeout *raiser;   /* set g->raised last */
	struct vv__later *later;     /* spawn_later's timer */
};

extern _Atomic int vv__api_lock;
extern _Atomic long vv__objects;

struct vv_greenlet *vv__begin(void);
void vv__end(struct vv_greenlet *me);
/* End the section; a call that was killed ends its greenlet here. Returns r. */
int vv__finish(struct vv_greenlet *me, int r);

int64_t vv__deadline(int64_t timeout_ns);

/* Wait on o, in a section, for a wake with this tag; the section is held again afterwards. 0 woken, -EAGAIN the deadline
 * is past, -ETIMEDOUT, -EBADF o was freed, -EPERM, -ECANCELED (call vv__finish), or an error raised by a time-out. */
int vv__wait_on(
    struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, int64_t deadline, const char *what);
/* The same; a woken waiter who found nothing waits again in its old turn, kept in *turn, at first 0. */
int vv__wait_in_turn(struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, int64_t deadline,
    uint64_t *turn, const char *what);
/* The same, which neither kill nor time-out can end. */
int vv__wait_surely(struct vv_greenlet *me, struct vv__object *o, uintptr_t tag, const char *what);
static inline int vv__wake_on(struct vv__object *o, uintptr_t tag, int n)
{
	return vv__wake_tagged(o, tag, n);
}

/* In no section: a new object of this type, or null with errno. */
void *vv__new(struct vv__slab *slab, enum vv__type type);
static inline bool vv__is(const void *object, enum vv__type type)
{
	return object && ((const struct vv__object *)object)->type == (uint32_t)type;
}
/* In a section: nobody may use o any more; waiters wake with -EBADF. */
void vv__retire(struct vv__object *o);
void vv__ref(struct vv__object *o);
void vv__unref(struct vv__object *o);

void vv__watch(struct vv__watch *w, struct vv__object *o);
void vv__unwatch(struct vv__watch *w);
/* In a section: tell everybody who watches o. */
void vv__notify(struct vv__object *o);

/* The API's part of g, made if need be; null if out of memory. In a section. */
struct vv__life *vv__life(struct vv_greenlet *g);
/* The part behind a handle that a program gave us; null if it is none of ours. In a section. */
struct vv__life *vv__life_of(struct vv_greenlet *me, struct vv_greenlet *g);

/* In a section. */
void vv__start(struct vv__life *l);
void vv__kill(struct vv__life *l);
void vv__group_left(struct vv__life *l);
void vv__timeouts_end(struct vv__life *l);

/* In none. */
struct vv__life *vv__make(void *(*fn)(void *), void *arg, const void *data, size_t size);
void vv__locals_end(struct vv_greenlet *g);
void vv__locals_inherit(struct vv_greenlet *to, struct vv_greenlet *from);
struct vv_greenlet *vv__spawn_in(struct vv_group *group, void *(*fn)(void *), void *arg, int64_t deadline);

#endif
