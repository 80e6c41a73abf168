/*
 * SYS_futex of the raw call.
 */
#ifndef VV_FUTEX_H
#define VV_FUTEX_H

/* The six arguments of the call. Returns what the kernel would: 0 or positive, or a negative errno. */
long vv__futex(const long *a);

/* The kernel will clear a word of the program's at the end of a kernel thread, and wake who waits there. */
void vv__futex_cleared(void);

#endif
