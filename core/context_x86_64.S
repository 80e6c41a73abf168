/*
 * Context switch for x86-64. The saved frame, from the saved stack pointer upwards:
 *
 *      sp ->  +0   mxcsr (4 bytes), x87 control word (2 bytes), padding
 *             +8   r15
 *             +16  r14
 *             +24  r13
 *             +32  r12
 *             +40  rbx
 *             +48  rbp
 *             +56  return address
 *
 * struct vv__context: sp at 0, tp (FS base) at 8.
 */
	.text

	.macro SAVE_REGISTERS
	push	%rbp			/* callee-saved registers, as pictured above */
	.cfi_adjust_cfa_offset 8
	push	%rbx
	.cfi_adjust_cfa_offset 8
	push	%r12
	.cfi_adjust_cfa_offset 8
	push	%r13
	.cfi_adjust_cfa_offset 8
	push	%r14
	.cfi_adjust_cfa_offset 8
	push	%r15
	.cfi_adjust_cfa_offset 8
	sub	$8, %rsp		/* room for the two control words */
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)			/* rounding mode and exception masks of SSE */
	fnstcw	4(%rsp)			/* and of the x87 */
	.endm

	.globl	vv__context_switch
	.hidden	vv__context_switch
	.type	vv__context_switch, @function
	.p2align 4
vv__context_switch:			/* (rdi = save, rsi = to) */
	.cfi_startproc
	SAVE_REGISTERS
	mov	%rsp, (%rdi)		/* save->sp */
	mov	8(%rsi), %rdx		/* to->tp, before the stack goes */
	mov	(%rsi), %rsp		/* from here on: the other stack */
	cmpl	$0, vv__context_fast_tp(%rip)
	je	2f			/* no FSGSBASE: ask the kernel */
	wrfsbase %rdx			/* from here on: the other thread's TLS */
1:	ldmxcsr	(%rsp)			/* its control words */
	fldcw	4(%rsp)
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r15			/* its registers */
	.cfi_adjust_cfa_offset -8
	pop	%r14
	.cfi_adjust_cfa_offset -8
	pop	%r13
	.cfi_adjust_cfa_offset -8
	pop	%r12
	.cfi_adjust_cfa_offset -8
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	ret				/* to where it called from */
	.cfi_adjust_cfa_offset 56
2:	mov	$158, %eax		/* SYS_arch_prctl */
	mov	$0x1002, %edi		/* ARCH_SET_FS */
	mov	%rdx, %rsi		/* the new base */
	syscall
	jmp	1b
	.cfi_endproc
	.size	vv__context_switch, . - vv__context_switch

	.globl	vv__context_publish
	.hidden	vv__context_publish
	.type	vv__context_publish, @function
	.p2align 4
vv__context_publish:			/* (rdi = save) */
	.cfi_startproc
	SAVE_REGISTERS
	mov	%rsp, (%rdi)		/* save->sp: complete */
	mov	$60, %eax		/* SYS_exit: this kernel thread only */
	xor	%edi, %edi
	syscall
	hlt				/* not reached */
	.cfi_endproc
	.size	vv__context_publish, . - vv__context_publish

	.globl	vv__context_start
	.hidden	vv__context_start
	.type	vv__context_start, @function
vv__context_start:			/* first frame of vv__context_make: rbx = fn, r12 = arg */
	.cfi_startproc
	.cfi_undefined rip		/* the outermost frame: unwinders stop here */
	mov	%r12, %rdi
	call	*%rbx
	hlt				/* fn must not return */
	.cfi_endproc
	.size	vv__context_start, . - vv__context_start

	.section .note.GNU-stack, "", @progbits
