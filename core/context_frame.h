/*
 * Where vv__context_switch (core/context_*.S) saves registers, for those who unwind from a greenlet's stack: from the saved stack
 * pointer + AT on, by DWARF's numbers. SP: the number of the stack pointer, whose value is the saved one + SIZE. RETURN: the
 * register whose saved value is the place to go on at.
 */
#ifndef VV_CONTEXT_FRAME_H
#define VV_CONTEXT_FRAME_H

#if defined(__x86_64__)
enum {
	VV__FRAME_AT = 8,
	VV__FRAME_SIZE = 64,
	VV__FRAME_SP = 7,
	VV__FRAME_RETURN = 16,
	VV__FRAME_NUMBERS = 17
};
/* r15 r14 r13 r12 rbx rbp, return address */
#define VV__FRAME_SAVED                                                                                      \
	{                                                                                                    \
		15, 14, 13, 12, 3, 6, 16                                                                     \
	}
#elif defined(__aarch64__)
enum {
	VV__FRAME_AT = 64,
	VV__FRAME_SIZE = 176,
	VV__FRAME_SP = 31,
	VV__FRAME_RETURN = 30,
	VV__FRAME_NUMBERS = 32
};
/* x19 to x30 */
#define VV__FRAME_SAVED                                                                                      \
	{                                                                                                    \
		19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30                                               \
	}
#endif

#endif
