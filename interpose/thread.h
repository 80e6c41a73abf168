/*
 * What a greenlet's end calls, and the pieces of glibc's clean-up interface that our outermost frames use.
 */
#ifndef VV_THREAD_H
#define VV_THREAD_H

#include "../core/core.h"

/* pthread.h declares these only inside its clean-up macros. */
extern void __pthread_register_cancel(__pthread_unwind_buf_t *);
extern void __pthread_unregister_cancel(__pthread_unwind_buf_t *);
/* The buffer holds but the beginning of a jmp_buf: the mask is not saved. */
extern int vv__setjmp(void *, int) __asm__("__sigsetjmp") __attribute__((returns_twice));

/* The calling greenlet's thread_local objects die. */
void vv__run_dtors(struct vv_greenlet *g);
/* They are main's now, and die in exit. */
void vv__keep_dtors(struct vv_greenlet *g);

/* Core's hook: destructors of the ending greenlet, as program code. */
void vv__greenlet_ends(struct vv_greenlet *g);
/* tsd.c: the destructor of one key, or null. */
void (*vv__key_destructor(unsigned key))(void *);
/* tsd.c: destructors of keys, then every value is null; or none of them, but that. */
void vv__run_key_destructors(struct vv_greenlet *g);
void vv__forget_keys(void);
/* The calling greenlet g ends as a kernel thread does: no clean-up handler, no destructor. */
void vv__vanish(struct vv_greenlet *g) __attribute__((noreturn));
/* mutex.c: what the kernel does with the robust list of a dead thread. */
void vv__release_robust_mutexes(struct vv_greenlet *g);

/* goruntime.c: is this the start function of a thread of Go's? */
bool vv__is_go(void *(*fn)(void *));

/* tracer.c: in a debugger, g, which calls, gets a kernel thread of its own. */
void vv__pin_tracer(struct vv_greenlet *g);
/* The caller makes what answers only its kernel thread. */
void vv__bind(void);

#endif
