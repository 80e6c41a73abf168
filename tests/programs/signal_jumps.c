/*
 * siglongjmp out of handlers, alternate stacks per thread, a SIGSEGV handler that goes on, SIGPIPE, SA_RESETHAND,
 * SA_NODEFER, nested handlers that themselves block.
 */
#include "net.h"

#include <setjmp.h>
#include <signal.h>

static __thread sigjmp_buf back;
static __thread char *alternate;
static _Atomic int depth, deepest;

static void jump(int signal)
{
	siglongjmp(back, signal);
}

static void *jumps(void *arg)
{
	char c, *stack = malloc(65536);
	stack_t s = {.ss_sp = stack, .ss_size = 65536};
	volatile int n = 0;
	int fd[2], signal;

	alternate = stack;
	expect(sigaltstack(&s, NULL) == 0);
	expect(pipe(fd) == 0);
	for (volatile int i = 0; i < 20; i++) {
		signal = sigsetjmp(back, 1);
		if (signal == 0) {
			if (i % 2)
				*(volatile int *)16 = 1;
			pthread_kill(pthread_self(), SIGUSR1);
			expect(read(fd[0], &c, 1) == 1);
		}
		n += signal == (i % 2 ? SIGSEGV : SIGUSR1);
		sched_yield();
	}
	s.ss_flags = SS_DISABLE;
	sigaltstack(&s, NULL);
	free(stack);
	(void)arg;
	return (void *)(long)n;
}

static void on_own_stack(int signal)
{
	char here;

	expect(&here > alternate && &here < alternate + 65536);
	sleep_ms(1); /* others run, and handle theirs on their own stacks */
	expect(&here > alternate && &here < alternate + 65536);
	(void)signal;
	depth++;
}

static void *handles_on_own_stack(void *arg)
{
	stack_t s = {.ss_sp = alternate = malloc(65536), .ss_size = 65536}, old;

	expect(sigaltstack(&s, NULL) == 0);
	for (int i = 0; i < 10; i++)
		raise(SIGUSR2);
	expect(sigaltstack(NULL, &old) == 0 && old.ss_sp == alternate && old.ss_flags == 0);
	return arg;
}

static void nests(int signal)
{
	static __thread int level;

	level++;
	if (level > deepest)
		deepest = level;
	if (level < 4)
		raise(signal);
	let_block();
	level--;
}

static void once(int signal)
{
	printf("once: %s\n", sigabbrev_np(signal));
}

static void *pipes(void *arg)
{
	int fd[2];

	expect(pipe(fd) == 0);
	close(fd[0]);
	tell(write(fd[1], "x", 1));
	(void)arg;
	return NULL;
}

int main(void)
{
	struct sigaction action = {.sa_handler = jump, .sa_flags = SA_ONSTACK}, now;
	pthread_t t[4];

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 4; i++)
		t[i] = start(jumps, NULL);
	for (int i = 0; i < 4; i++)
		printf("jumps %ld\n", (long)join(t[i]));

	action.sa_handler = on_own_stack;
	sigaction(SIGUSR2, &action, NULL);
	for (int i = 0; i < 4; i++)
		t[i] = start(handles_on_own_stack, NULL);
	for (int i = 0; i < 4; i++)
		join(t[i]);
	printf("handled on their own stacks: %d\n", depth);

	action = (struct sigaction){.sa_handler = nests, .sa_flags = SA_NODEFER};
	sigaction(SIGHUP, &action, NULL);
	raise(SIGHUP);
	printf("nested %d deep\n", deepest);

	action = (struct sigaction){.sa_handler = once, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGQUIT, &action, NULL);
	sigaction(SIGQUIT, NULL, &now);
	printf("before: default %d\n", now.sa_handler == SIG_DFL);
	raise(SIGQUIT);
	sigaction(SIGQUIT, NULL, &now);
	printf("after: default %d\n", now.sa_handler == SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	join(start(pipes, NULL));
	printf("over\n");
	return 0;
}
