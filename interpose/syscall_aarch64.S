/*
 * syscall() for arm64. No frame: a number without emulation is one trap between the caller and its return address, as
 * in libc, so that clone and rt_sigreturn work through it. Both ways out are tail jumps.
 *
 * On entry x0 = number, x1 to x6 = arguments.
 */
	.set	NUMBERS, 512		/* of vv__emulations */
	.set	SYS_CLONE, 220
	.set	SYS_CLONE3, 435

	.text
	.globl	syscall
	.type	syscall, %function
	.p2align 4
syscall:
	.cfi_startproc
	bti	c
	cmp	x0, #NUMBERS		/* beyond the table: the kernel's */
	b.hs	1f
	adrp	x9, vv__emulations
	add	x9, x9, :lo12:vv__emulations
	ldr	x9, [x9, x0, lsl #3]
	cbz	x9, 1f			/* not emulated: the kernel's */
	cmp	x0, #SYS_CLONE
	b.eq	2f
	cmp	x0, #SYS_CLONE3
	b.ne	vv__emulate_syscall
2:	stp	x29, x30, [sp, #-80]!
	.cfi_def_cfa_offset 80
	.cfi_offset x29, -80
	.cfi_offset x30, -72
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	str	x6, [sp, #64]
	bl	vv__clone_forks
	tst	w0, #1
	ldr	x6, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #80
	.cfi_def_cfa_offset 0
	.cfi_restore x29
	.cfi_restore x30
	b.ne	vv__emulate_syscall	/* else it shares memory or has a stack of its own: the kernel's */
1:	mov	x8, x0			/* number */
	mov	x0, x1			/* arguments, one place down */
	mov	x1, x2
	mov	x2, x3
	mov	x3, x4
	mov	x4, x5
	mov	x5, x6
	svc	#0
	cmn	x0, #4095		/* an error? */
	b.hs	vv__syscall_failed
	ret
	.cfi_endproc
	.size	syscall, .-syscall

	.hidden	vv__clone_forks
	.hidden	vv__emulations
	.hidden	vv__emulate_syscall
	.hidden	vv__syscall_failed
	.section .note.GNU-stack, "", %progbits
