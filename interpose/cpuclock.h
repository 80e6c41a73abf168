/*
 * CPU clocks of greenlets, as sleep.c, timer.c and syscall.c see them.
 */
#ifndef VV_CPUCLOCK_H
#define VV_CPUCLOCK_H

#include "interpose.h"

/* Whose CPU clock this is, if the kernel does not know it; or null. */
struct vv_greenlet *vv__of_clock(clockid_t clock);

/* As the kernel numbers the CPU clock of a thread. */
clockid_t vv__clock_number(int tid);

/* As clock_nanosleep by g's. */
int vv__sleep_by_cpu(struct vv_greenlet *g, int flags, const struct timespec *want, struct timespec *left);

/* User and system time of g. */
void vv__cpu_share(struct vv_greenlet *g, int64_t *user_ns, int64_t *system_ns);

long vv__raw_clock_gettime(const long *a);
long vv__raw_clock_getres(const long *a);
long vv__raw_getrusage(const long *a);

#endif
