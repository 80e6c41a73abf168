/*
 * The part of the context switch that C can do: what the CPU offers, and the first frame of a new context.
 */
#include "context.h"

#include <string.h>
#include <sys/auxv.h>

int vv__context_fast_tp;

extern void vv__context_start(void) __attribute__((visibility("hidden")));

void vv__context_init(void)
{
#ifdef __x86_64__
	/* HWCAP2 bit 1 on x86: the kernel lets user code use FSGSBASE (Linux 5.9, arch/x86/include/uapi). */
	vv__context_fast_tp = (getauxval(AT_HWCAP2) & 2) != 0;
#else
	vv__context_fast_tp = 1;
#endif
}

#ifdef __x86_64__
enum { FRAME_WORDS = 8, FRAME_FN = 5, FRAME_ARG = 4, FRAME_RETURN = 7 };
enum { SSE_FLAGS = 0x3f }; /* exceptions that have happened */

static void save_control_words(uintptr_t *frame)
{
	uint32_t mxcsr;
	uint16_t fpcw;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(fpcw));
	frame[0] = (mxcsr & ~SSE_FLAGS) | (uintptr_t)fpcw << 32;
}
#else
enum { FRAME_WORDS = 22, FRAME_FN = 8, FRAME_ARG = 9, FRAME_RETURN = 19 };

static void save_control_words(uintptr_t *frame)
{
	__asm__ volatile("mrs %0, fpcr" : "=r"(frame[20]));
}
#endif

void vv__context_inherit(struct vv__context *ctx)
{
	save_control_words(ctx->sp);
}

void vv__context_make(struct vv__context *ctx, void *top, uintptr_t tp, void (*fn)(void *), void *arg)
{
	uintptr_t *frame = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - FRAME_WORDS;

	memset(frame, 0, FRAME_WORDS * sizeof *frame);
	frame[FRAME_FN] = (uintptr_t)fn;
	frame[FRAME_ARG] = (uintptr_t)arg;
	frame[FRAME_RETURN] = (uintptr_t)vv__context_start;
	save_control_words(frame);
	ctx->sp = frame;
	ctx->tp = tp;
}
