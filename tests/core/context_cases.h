/*
 * The context switch, case by case, without a test framework: context.c runs the cases under Criterion, and
 * context_plain.c runs the same ones on another CPU under qemu-user. A case returns null, or what is wrong.
 */
#ifndef CONTEXT_CASES_H
#define CONTEXT_CASES_H

#include "../../core/context.h"
#include "../../core/context_frame.h"

#include <errno.h>
#include <fenv.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLAIM(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			return #condition;                                                                   \
	} while (0)

struct vv__context case_main, case_other;
static int case_steps;
static long case_sum;

/* A switch saves the stack pointer alone: a context's thread pointer is filled in once, by its owner. */
static void case_begin(void)
{
	vv__context_init();
	case_main.tp = vv__thread_pointer();
	case_steps = 0;
}

static void *case_stack(void)
{
	return (char *)malloc(65536) + 65536;
}

static void count_steps(void *arg)
{
	for (;;) {
		case_steps += *(int *)arg;
		vv__context_switch(&case_other, &case_main);
	}
}

static inline const char *case_switch_there_and_back(void)
{
	int step = 3;

	case_begin();
	vv__context_make(&case_other, case_stack(), vv__thread_pointer(), count_steps, &step);
	for (int i = 1; i <= 1000; i++) {
		vv__context_switch(&case_main, &case_other);
		CLAIM(case_steps == 3 * i);
	}
	return NULL;
}

/* More live values than there are callee-saved registers, integer and floating, all kept across switches. */
static void clobber(void *arg)
{
	long a = 11, b = 12, c = 13, d = 14, e = 15, f = 16, g = 17, h = 18, i = 19, j = 20;
	double u = .5, v = 1.5, w = 2.5, x = 3.5, y = 4.5, z = 5.5, s = 6.5, t = 7.5;

	(void)arg;
	for (;;) {
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
		__asm__ volatile("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j));
		vv__context_switch(&case_other, &case_main);
		u *= 2, v *= 2, w *= 2, x *= 2, y *= 2, z *= 2, s *= 2, t *= 2;
		case_sum = a + b + c + d + e + f + g + h + i + j + (long)(u + v + w + x + y + z + s + t);
	}
}

/* Fills callee-saved registers and switches with them; never returns to. */
static void fill_registers(void *arg)
{
	(void)arg;
#if defined(__x86_64__)
	__asm__ volatile("mov $3, %%ebx; mov $12, %%r12d; mov $13, %%r13d; mov $14, %%r14d; mov $15, %%r15d;"
			 "lea case_other(%%rip), %%rdi; lea case_main(%%rip), %%rsi; and $-16, %%rsp; call vv__context_switch"
			 : : : "memory");
#elif defined(__aarch64__)
	__asm__ volatile("mov x19, #19; mov x20, #20; mov x21, #21; mov x22, #22; mov x23, #23; mov x24, #24; mov x25, #25;"
			 "mov x26, #26; mov x27, #27; mov x28, #28; adrp x0, case_other; add x0, x0, :lo12:case_other;"
			 "adrp x1, case_main; add x1, x1, :lo12:case_main; bl vv__context_switch"
			 : : : "memory", "x30", "x0", "x1");
#endif
	__builtin_unreachable();
}

/* What unwinders read: core/context_frame.h. */
static inline const char *case_frame_is_as_said(void)
{
	static const unsigned char saved[] = VV__FRAME_SAVED;
	const char *stack = case_stack();
	unsigned long value;
	int checked = 0;

	case_begin();
	vv__context_make(&case_other, (void *)stack, vv__thread_pointer(), fill_registers, NULL);
	vv__context_switch(&case_main, &case_other);
	for (unsigned i = 0; i < sizeof saved; i++) {
		memcpy(&value, (char *)case_other.sp + VV__FRAME_AT + 8 * i, 8);
		if (saved[i] == VV__FRAME_RETURN)
			CLAIM(value - (unsigned long)fill_registers < 256);
		else if (saved[i] != 6 && saved[i] != 29) /* frame pointers */
			CLAIM(++checked && value == saved[i]);
	}
	CLAIM(checked >= 5);
	CLAIM((char *)case_other.sp + VV__FRAME_SIZE <= stack);
	return NULL;
}

static inline const char *case_registers_are_kept(void)
{
	long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10;
	double u = 1, v = 2, w = 3, x = 4, y = 5, z = 6, s = 7, t = 8;

	case_begin();
	vv__context_make(&case_other, case_stack(), vv__thread_pointer(), clobber, NULL);
	vv__context_switch(&case_main, &case_other);
	for (long round = 1; round <= 4; round++) {
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
		__asm__ volatile("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j));
		vv__context_switch(&case_main, &case_other);
		CLAIM(case_sum == 155 + (32L << round));
		CLAIM(a == 1 && b == 2 && c == 3 && d == 4 && e == 5);
		CLAIM(f == 6 && g == 7 && h == 8 && i == 9 && j == 10);
		CLAIM(u == 1 && v == 2 && w == 3 && x == 4 && y == 5 && z == 6 && s == 7 && t == 8);
	}
	return NULL;
}

static double case_third(void)
{
	volatile double one = 1, three = 3;

	return one / three;
}

static double case_thirds[2];

static void round_up(void *arg)
{
	(void)arg;
	fesetround(FE_UPWARD);
	for (;;) {
		vv__context_switch(&case_other, &case_main);
		case_steps = fegetround();
		case_thirds[1] = case_third();
	}
}

/* Rounding modes belong to the context, those of both floating-point units (fegetround shows only one on x86). */
static inline const char *case_rounding_modes_are_separate(void)
{
	case_begin();
	fesetround(FE_TONEAREST);
	vv__context_make(&case_other, case_stack(), vv__thread_pointer(), round_up, NULL);
	vv__context_switch(&case_main, &case_other);
	CLAIM(fegetround() == FE_TONEAREST);
	fesetround(FE_TOWARDZERO);
	case_thirds[0] = case_third();
	vv__context_switch(&case_main, &case_other);
	CLAIM(case_steps == FE_UPWARD);
	CLAIM(fegetround() == FE_TOWARDZERO);
	CLAIM(case_third() == case_thirds[0]);
	CLAIM(case_thirds[1] > case_thirds[0]);
	fesetround(FE_TONEAREST);
	return NULL;
}

/* The stack of a new context is aligned as the ABI says a function may expect it. */
static void note_alignment(void *arg)
{
	_Alignas(16) char here[16];

	*(uintptr_t *)arg = (uintptr_t)here % 16 + (uintptr_t)__builtin_frame_address(0) % 16;
	vv__context_switch(&case_other, &case_main);
}

static inline const char *case_new_stack_is_aligned(void)
{
	uintptr_t off = 1;

	case_begin();
	vv__context_make(&case_other, (char *)case_stack() - 8, vv__thread_pointer(), note_alignment, &off);
	vv__context_switch(&case_main, &case_other);
	CLAIM(off == 0);
	return NULL;
}

static __thread int case_local = 5;
static _Atomic int case_tid;

static void await_end(void)
{
	while (case_tid)
		syscall(SYS_futex, &case_tid, FUTEX_WAIT, 1, NULL, NULL, 0);
}

static void *publish(void *arg)
{
	(void)arg;
	case_local = 40;
	errno = EXDEV;
	case_other.tp = vv__thread_pointer();
	syscall(SYS_set_tid_address, &case_tid); /* the TCB stays ours when the kernel thread goes */
	vv__context_publish(&case_other);
	for (;;) {
		case_steps = case_local++;
		vv__context_switch(&case_other, &case_main);
	}
	return NULL;
}

/* A published thread has no kernel thread any more, but lives on with its TLS wherever it is resumed. */
static inline const char *case_published_thread_goes_on_elsewhere(void)
{
	pthread_t t;

	case_begin();
	case_tid = 1;
	CLAIM(pthread_create(&t, NULL, publish, NULL) == 0);
	await_end();
	errno = ENODEV;
	for (int i = 0; i < 3; i++) {
		vv__context_switch(&case_main, &case_other);
		CLAIM(case_steps == 40 + i);
		CLAIM(case_local == 5);
		CLAIM(errno == ENODEV);
	}
	return NULL;
}

#endif
