/*
 * The real functions: REAL(read)(fd, buf, n) is libc's read. The table is filled at the first need, in one go, with
 * what dlsym(RTLD_NEXT) would find, and allocates nothing; vv__me() sees to it, so every function that asked who
 * calls may use it. A function that did not ask calls vv__real_need() first.
 */
#ifndef VV_REAL_H
#define VV_REAL_H

#include "libc.h"

struct vv__real {
#define SYM(name, family, rung) __typeof__(name) *name;
#define ALIAS(name, target, family, rung)
#include "symbols.def"
#undef SYM
#undef ALIAS
	int bound;
};

extern struct vv__real vv__real;
#define REAL(name) (vv__real.name)

void vv__real_bind(void);

static inline void vv__real_need(void)
{
	if (__builtin_expect(!__atomic_load_n(&vv__real.bound, __ATOMIC_ACQUIRE), 0))
		vv__real_bind();
}

#endif
