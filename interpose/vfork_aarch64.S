/*
 * vfork() for arm64. The child returns first, on its parent's stack; the return address is in a register, of which each
 * has its own. See clone.c.
 */
	.set	SYS_CLONE, 220
	.set	FLAGS, 0x4111		/* CLONE_VM | CLONE_VFORK | SIGCHLD */

	.text
	.globl	vfork, __vfork
	.type	vfork, %function
	.p2align 4
vfork:
__vfork:
	.cfi_startproc
	bti	c
	stp	x29, x30, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset x30, -8
	bl	vv__vfork_begins	/* null: fork must do */
	ldp	x29, x30, [sp], #16
	.cfi_def_cfa_offset 0
	.cfi_restore x30
	cbz	x0, vv__vfork_copying
	mov	x9, x0
	mov	x0, #FLAGS
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	mov	x4, #0
	mov	x8, #SYS_CLONE
	svc	#0
	cbz	x0, 1f
	mov	x1, x0			/* the parent, when the child has called exec or has ended */
	mov	x0, x9
	b	vv__vfork_ends
1:	ret
	.cfi_endproc
	.size	vfork, .-vfork

	.hidden	vv__vfork_begins
	.hidden	vv__vfork_copying
	.hidden	vv__vfork_ends
	.section .note.GNU-stack, "", %progbits
