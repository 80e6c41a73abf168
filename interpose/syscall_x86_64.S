/*
 * syscall() for x86-64. No frame: a number without emulation is one trap between the caller and its return address, as
 * in libc, so that vfork, clone and rt_sigreturn work through it. Both ways out are tail jumps.
 *
 * On entry rdi = number, rsi rdx rcx r8 r9 and 8(%rsp) = arguments.
 */
	.set	NUMBERS, 512		/* of vv__emulations */
	.set	SYS_CLONE, 56
	.set	CLONE_VM, 0x100

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
	jne	vv__emulate_syscall
	test	$CLONE_VM, %rsi		/* a clone that shares memory */
	jnz	1f
	test	%rdx, %rdx		/* or has a stack of its own: the kernel's */
	jz	vv__emulate_syscall
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

	.hidden	vv__emulations
	.hidden	vv__emulate_syscall
	.hidden	vv__syscall_failed
	.section .note.GNU-stack, "", @progbits
