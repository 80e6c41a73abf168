/*
 * Context switch for aarch64. The saved frame, from the saved stack pointer upwards:
 *
 *      sp ->  +0    d8  d9   +16  d10 d11   +32  d12 d13   +48  d14 d15
 *             +64   x19 x20  +80  x21 x22   +96  x23 x24   +112 x25 x26
 *             +128  x27 x28  +144 x29 x30   +160 fpcr (8 bytes), padding
 *
 * struct vv__context: sp at 0, tp (TPIDR_EL0) at 8. Every address is returned to through x30.
 */
	.text

	.macro SAVE_REGISTERS
	sub	sp, sp, #176
	.cfi_adjust_cfa_offset 176
	stp	d8, d9, [sp]		/* callee-saved halves of the vector registers */
	stp	d10, d11, [sp, #16]
	stp	d12, d13, [sp, #32]
	stp	d14, d15, [sp, #48]
	stp	x19, x20, [sp, #64]	/* callee-saved registers */
	stp	x21, x22, [sp, #80]
	stp	x23, x24, [sp, #96]
	stp	x25, x26, [sp, #112]
	stp	x27, x28, [sp, #128]
	stp	x29, x30, [sp, #144]	/* frame pointer, return address */
	mrs	x9, fpcr		/* rounding mode */
	str	x9, [sp, #160]
	.endm

	.globl	vv__context_switch
	.hidden	vv__context_switch
	.type	vv__context_switch, %function
	.p2align 4
vv__context_switch:			/* (x0 = save, x1 = to) */
	.cfi_startproc
	SAVE_REGISTERS
	mov	x9, sp
	str	x9, [x0]		/* save->sp */
	ldr	x10, [x1, #8]		/* to->tp */
	ldr	x9, [x1]
	mov	sp, x9			/* from here on: the other stack */
	msr	tpidr_el0, x10		/* from here on: the other thread's TLS */
	ldr	x9, [sp, #160]
	msr	fpcr, x9		/* its rounding mode */
	ldp	d8, d9, [sp]		/* its registers */
	ldp	d10, d11, [sp, #16]
	ldp	d12, d13, [sp, #32]
	ldp	d14, d15, [sp, #48]
	ldp	x19, x20, [sp, #64]
	ldp	x21, x22, [sp, #80]
	ldp	x23, x24, [sp, #96]
	ldp	x25, x26, [sp, #112]
	ldp	x27, x28, [sp, #128]
	ldp	x29, x30, [sp, #144]
	add	sp, sp, #176
	.cfi_adjust_cfa_offset -176
	ret				/* to where it called from */
	.cfi_endproc
	.size	vv__context_switch, . - vv__context_switch

	.globl	vv__context_publish
	.hidden	vv__context_publish
	.type	vv__context_publish, %function
	.p2align 4
vv__context_publish:			/* (x0 = save) */
	.cfi_startproc
	SAVE_REGISTERS
	mov	x9, sp
	str	x9, [x0]		/* save->sp: complete */
	mov	x0, #0
	mov	x8, #93			/* SYS_exit: this kernel thread only */
	svc	#0
	brk	#0			/* not reached */
	.cfi_endproc
	.size	vv__context_publish, . - vv__context_publish

	.globl	vv__context_start
	.hidden	vv__context_start
	.type	vv__context_start, %function
vv__context_start:			/* first frame of vv__context_make: x19 = fn, x20 = arg */
	.cfi_startproc
	.cfi_undefined x30		/* the outermost frame: unwinders stop here */
	mov	x0, x20
	blr	x19
	brk	#0			/* fn must not return */
	.cfi_endproc
	.size	vv__context_start, . - vv__context_start

	.section .note.GNU-stack, "", %progbits
