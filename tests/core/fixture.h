/*
 * What the suites of running greenlets share: a core without interposers. The suites are linked with the core and call
 * it directly; libc's own calls block the kernel thread, as nobody is preloaded.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "../../core/core.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline void no_handlers(struct vv_greenlet *g)
{
	(void)g;
}

static inline bool none_deliverable(struct vv_greenlet *g)
{
	(void)g;
	return false;
}

static inline void no_signals(struct vv__hub *hub)
{
	(void)hub;
}

static inline void none_pending(struct vv_greenlet *g, uint64_t id, uint64_t set)
{
	(void)g;
	(void)id;
	(void)set;
}

static inline bool nobody_signals(void)
{
	return false;
}

static inline void core_begin(void)
{
	static const struct vv__hooks hooks = {
	    .pthread_create = pthread_create,
	    .pthread_join = pthread_join,
	    .key_create = pthread_key_create,
	    .key_delete = pthread_key_delete,
	    .setspecific = pthread_setspecific,
	    .run_handlers = no_handlers,
	    .deliverable = none_deliverable,
	    .hub_signals = no_signals,
	    .greenlet_ends = no_handlers,
	    .may_be_signalled = nobody_signals,
	    .save_pending = none_pending,
	};

	vv__core_init(&hooks);
	vv__me();
}

static inline struct vv_greenlet *spawn(vv__start_fn fn, void *arg)
{
	struct vv__birth b = {.fn = fn, .arg = arg, .join_state = VV__JOINABLE};
	struct vv_greenlet *g;

	cr_assert_eq(vv__spawn(&g, &b), 0);
	return g;
}

static inline void *join(struct vv_greenlet *g)
{
	void *value;

	cr_assert_eq(vv__join(g, VV__FOREVER, 0), 0);
	value = g->value;
	vv__release(g);
	return value;
}

/* Let everybody run until nobody but the caller has anything to do at once. */
static inline void settle(void)
{
	for (int i = 0; i < 50; i++)
		vv__yield();
}

static inline int64_t in_ms(int ms)
{
	return vv__now() + ms * 1000000ll;
}

static inline int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* The order in which things happened, as text. */
static char journal[4096];
#define note(...) snprintf(journal + strlen(journal), sizeof journal - strlen(journal), __VA_ARGS__)

#endif
