/*
 * syscall() for x86-64. No frame: a number without emulation is one trap between the caller and its return address, as
 * in libc, so that vfork, clone and rt_sigreturn work through it. Both ways out are tail jumps.
 *
 * On entry rdi = number, rsi rdx rcx r8 r9 and 8(%rsp) = arguments.
 */
	.set	NUMBERS, 512		/* of vv__emulations */
	.set	SYS_CLONE, 56
	.set	SYS_CLONE3, 435

	.text
	.globl	syscall
	.type	syscall, @function
	.p2align 4
syscall:
	.cfi_startproc
	endbr64
	cmp	$NUMBERS, %rdi		/* beyond the table: the kernel's */
	jae	1f
	lea	vv__emulations(%rip), %rax
	cmpq	$0, (%rax,%rdi,8)	/* not emulated: the kernel's */
	je	1f
	cmp	$SYS_CLONE, %rdi
	je	3f
	cmp	$SYS_CLONE3, %rdi
	jne	vv__emulate_syscall
3:	push	%rdi
	.cfi_adjust_cfa_offset 8
	push	%rsi
	.cfi_adjust_cfa_offset 8
	push	%rdx
	.cfi_adjust_cfa_offset 8
	push	%rcx
	.cfi_adjust_cfa_offset 8
	push	%r8
	.cfi_adjust_cfa_offset 8
	push	%r9
	.cfi_adjust_cfa_offset 8
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	vv__clone_forks
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r9
	.cfi_adjust_cfa_offset -8
	pop	%r8
	.cfi_adjust_cfa_offset -8
	pop	%rcx
	.cfi_adjust_cfa_offset -8
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	pop	%rsi
	.cfi_adjust_cfa_offset -8
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	test	%al, %al
	jnz	vv__emulate_syscall	/* else it shares memory or has a stack of its own: the kernel's */
1:	mov	%rdi, %rax		/* number */
	mov	%rsi, %rdi		/* arguments, one place down */
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	syscall
	cmp	$-4095, %rax		/* an error? */
	jae	2f
	ret
2:	mov	%rax, %rdi
	jmp	vv__syscall_failed
	.cfi_endproc
	.size	syscall, .-syscall

	.hidden	vv__clone_forks
	.hidden	vv__emulations
	.hidden	vv__emulate_syscall
	.hidden	vv__syscall_failed
	.section .note.GNU-stack, "", @progbits
