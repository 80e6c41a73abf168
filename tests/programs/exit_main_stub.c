/*
 * Free Pascal's programs end by a jump to main's return address from wherever they are: the callee-saved registers and
 * the stack pointer are not as main found them. libc does not need them, atexit functions run, the status is kept.
 * vervet-status: 7
 */
#include "check.h"

void *ret, *frame;

static void *sleeps(void *arg)
{
	usleep(1000);
	return arg;
}

static void at_exit(void)
{
	printf("atexit\n");
}

static void __attribute__((noinline, used)) body(void)
{
	pthread_t t;

	atexit(at_exit);
	expect(pthread_create(&t, NULL, sleeps, NULL) == 0);
	expect(pthread_join(t, NULL) == 0);
	printf("main leaves\n");
}

/* As the Pascal run-time library does it: rbp restored, the return address from a variable, the rest left. */
int main(void);
__asm__(".text\n"
	".globl main\n"
	".type main, @function\n"
	"main:\n"
	"	mov (%rsp), %rax\n"
	"	mov %rax, ret(%rip)\n"
	"	mov %rbp, frame(%rip)\n"
	"	sub $4104, %rsp\n"
	"	call body\n"
	"	mov $1, %rbx\n"
	"	mov %rbx, %r12\n"
	"	mov %rbx, %r13\n"
	"	mov %rbx, %r14\n"
	"	mov %rbx, %r15\n"
	"	mov frame(%rip), %rbp\n"
	"	mov $7, %eax\n"
	"	push ret(%rip)\n"
	"	ret\n"
	".size main, .-main\n");
