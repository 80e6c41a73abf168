/*
 * The saved state of a stack of execution and the switch between two of them: what core/context_<cpu>.S does,
 * seen from C. A context is a stack pointer (everything else is saved on that stack) and the thread pointer
 * of the glibc thread it belongs to.
 */
#ifndef VV_CONTEXT_H
#define VV_CONTEXT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "a CPU that Vervet does not know: it needs core/context_*.S, core/context_frame.h and interpose/syscall_*.S"
#endif

struct vv__context {
	void *sp;     /* offset 0: read and written by the assembly */
	uintptr_t tp; /* offset 8 */
};

_Static_assert(offsetof(struct vv__context, sp) == 0, "context_*.S stores sp at 0");
_Static_assert(offsetof(struct vv__context, tp) == 8, "context_*.S loads tp from 8");

/* Non-zero if user code may write the thread pointer without a system call. Set once by vv__context_init. */
extern int vv__context_fast_tp;

void vv__context_init(void);

/*
 * Save the caller in *save, continue in *to. Returns when somebody switches to *save again, perhaps on another
 * kernel thread. Saves the callee-saved registers and the floating-point control words.
 */
void vv__context_switch(struct vv__context *save, const struct vv__context *to);

/*
 * Save the caller in *save and end the calling kernel thread. Returns when somebody switches to *save, which must not be
 * before the kernel has cleared the word given to set_tid_address.
 */
void vv__context_publish(struct vv__context *save);

/* Make *ctx such that switching to it calls fn(arg) on the stack that ends at top. fn must not return. */
void vv__context_make(struct vv__context *ctx, void *top, uintptr_t tp, void (*fn)(void *), void *arg);

/* Give a saved context the caller's floating-point control words, as a new thread has them from its creator. */
void vv__context_inherit(struct vv__context *ctx);

/* The calling thread's thread pointer. */
static inline uintptr_t vv__thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

#endif
