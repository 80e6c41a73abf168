/*
 * The library's entry. Whoever calls us first starts it: our constructor, or before that another library's
 * constructor or an allocator that the loader calls. So vv__shim_start needs nothing but the loader's symbol look-up.
 */
#include "lib.h"

#include "../interpose/process.h"

/* A library without signals or thread life cycle still links: these do nothing and know of nothing. */
__attribute__((weak)) void vv__run_handlers(struct vv_greenlet *g)
{
}

__attribute__((weak)) bool vv__deliverable(struct vv_greenlet *g)
{
	return false;
}

__attribute__((weak)) void vv__hub_signals(struct vv__hub *hub)
{
}

__attribute__((weak)) void vv__greenlet_ends(struct vv_greenlet *g)
{
}

__attribute__((weak)) bool vv__may_be_signalled(void)
{
	return false;
}

static int patched(const char *family)
{
	static const char *const names[] = {
#define FAMILY(name, what) #name,
#include "../interpose/families.def"
#undef FAMILY
	};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], family))
			return vv__families >> i & 1;
	return -EINVAL;
}

void vv__shim_start(void)
{
	static struct vv__hooks hooks = {
	    .run_handlers = vv__run_handlers,
	    .deliverable = vv__deliverable,
	    .hub_signals = vv__hub_signals,
	    .greenlet_ends = vv__greenlet_ends,
	    .may_be_signalled = vv__may_be_signalled,
	    .patched = patched,
	};

	vv__config_read();
	vv__real_need();
	vv__fork_start();
	hooks.pthread_create = REAL(pthread_create);
	hooks.pthread_join = REAL(pthread_join);
	hooks.key_create = REAL(pthread_key_create);
	hooks.setspecific = pthread_setspecific;
	hooks.pthread_exit = REAL(pthread_exit);
	vv__core_init(&hooks);
}

__attribute__((constructor)) static void begin(void)
{
	vv__me();
}
