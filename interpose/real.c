/*
 * Binds the real functions. Called before constructors, from inside malloc, from other libraries' constructors: so it
 * allocates nothing, and binding twice at once is harmless (same values).
 */
#include "real.h"

#include "../core/core.h"

struct vv__real vv__real;

static void *next(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);
	Dl_info ours, found;

	if (!f) { /* libc.so.6 executed as a program comes before us */
		f = dlsym(RTLD_DEFAULT, name);
		if (f && dladdr(f, &found) && dladdr(&vv__real, &ours) && found.dli_fbase == ours.dli_fbase)
			f = NULL;
	}
	if (!f)
		vv__die("libc has no %s", name);
	return f;
}

void vv__real_bind(void)
{
#define SYM(name, family, rung) vv__real.name = (__typeof__(name) *)next(#name);
#define ALIAS(name, target, family, rung)
#include "symbols.def"
#undef SYM
#undef ALIAS
	__atomic_store_n(&vv__real.bound, 1, __ATOMIC_RELEASE);
}
