/*
 * A runtime with system calls of its own (Go's) sets the alternate signal stacks of its threads without libc: main's is
 * there before the first thread, a new thread has none, and handlers run on the stack of the thread that they interrupt.
 */
#include "check.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { THREADS = 6, ROUNDS = 20, SIZE = 65536 };

static pthread_barrier_t all;
static __thread char *mine;
static __thread volatile int on_it;

static long set_stack(const stack_t *stack, stack_t *old)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_sigaltstack), "D"(stack), "S"(old)
			 : "rcx", "r11", "memory");
	return result;
#else
	return sigaltstack(stack, old);
#endif
}

static void on_usr1(int sig)
{
	char here;

	(void)sig;
	on_it += (size_t)(&here - mine) < SIZE;
}

static void take_stack(void)
{
	stack_t stack = {.ss_size = SIZE}, old;

	expect(set_stack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
	mine = stack.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(set_stack(&stack, NULL) == 0);
}

static void use_stack(void)
{
	stack_t old;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&all);
		pthread_kill(pthread_self(), SIGUSR1);
		usleep(100);
	}
	expect(on_it == ROUNDS);
	expect(set_stack(NULL, &old) == 0 && old.ss_sp == mine && old.ss_flags == 0);
}

static void *body(void *arg)
{
	take_stack();
	use_stack();
	return arg; /* as Go's, with the stack still set */
}

int main(void)
{
	struct sigaction usr1 = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	pthread_t t[THREADS];

	sigaction(SIGUSR1, &usr1, NULL);
	take_stack();
	for (int round = 0; round < 2; round++) {
		on_it = 0;
		pthread_barrier_init(&all, NULL, THREADS + 1);
		for (int i = 0; i < THREADS; i++)
			t[i] = start(body, NULL);
		use_stack();
		for (int i = 0; i < THREADS; i++)
			join(t[i]);
	}
	printf("done\n");
	return 0;
}
