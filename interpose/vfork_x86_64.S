/*
 * vfork() for x86-64. The child returns first, on its parent's stack, and writes over what this function has there: the
 * return address is kept elsewhere meanwhile (vv__vfork_begins). See clone.c.
 */
	.set	SYS_VFORK, 58

	.text
	.globl	vfork, __vfork
	.type	vfork, @function
	.p2align 4
vfork:
__vfork:
	.cfi_startproc
	endbr64
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	vv__vfork_begins	/* where to keep it; null: fork must do */
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	test	%rax, %rax
	jz	vv__vfork_copying
	pop	(%rax)
	.cfi_adjust_cfa_offset -8
	mov	%rax, %rdi
	mov	$SYS_VFORK, %eax
	syscall
	test	%rax, %rax
	jz	1f
	push	(%rdi)			/* the parent, when the child has called exec or has ended */
	mov	%rax, %rsi
	jmp	vv__vfork_ends
1:	jmp	*(%rdi)
	.cfi_endproc
	.size	vfork, .-vfork

	.hidden	vv__vfork_begins
	.hidden	vv__vfork_copying
	.hidden	vv__vfork_ends
	.section .note.GNU-stack, "", @progbits
