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

	for (unsigned i = 0; family && i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], family))
			return vv__families >> i & 1;
	return -EINVAL;
}

/* Where the library lies: the command that writes reports is beside it. */
static void find_directory(void)
{
	Dl_info info;
	const char *slash;
	size_t n;

	if (!dladdr(&vv__config, &info) || !info.dli_fname || !(slash = strrchr(info.dli_fname, '/')))
		return;
	n = (size_t)(slash - info.dli_fname);
	if (info.dli_fname[0] == '/' && n < sizeof(vv__config.directory))
		memcpy(vv__config.directory, info.dli_fname, n);
}

static void handle_dump_signal(void)
{
	struct sigaction action = {.sa_handler = vv__report_signal, .sa_flags = SA_RESTART | SA_ONSTACK};

	if (vv__config.dump_signal)
		REAL(sigaction)(vv__config.dump_signal, &action, NULL);
}

void vv__shim_start(void)
{
	static struct vv__hooks hooks = {
	    .run_handlers = vv__run_handlers,
	    .deliverable = vv__deliverable,
	    .hub_signals = vv__hub_signals,
	    .save_pending = vv__save_pending,
	    .greenlet_ends = vv__greenlet_ends,
	    .may_be_signalled = vv__may_be_signalled,
	    .started = vv__take_over_setxid,
	    .patched = patched,
	};

	vv__config_read();
	vv__real_need();
	vv__fork_start();
	hooks.pthread_create = REAL(pthread_create);
	hooks.pthread_join = REAL(pthread_join);
	hooks.key_create = REAL(pthread_key_create);
	hooks.key_delete = REAL(pthread_key_delete);
	hooks.setspecific = pthread_setspecific;
	hooks.pthread_exit = REAL(pthread_exit);
	hooks.sigaction = REAL(sigaction);
	vv__core_init(&hooks);
	find_directory();
	handle_dump_signal();
}

__attribute__((constructor)) static void begin(void)
{
	vv__me();
}
