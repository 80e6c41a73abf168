/*
 * Alternate signal stacks are each thread's own: handlers with SA_ONSTACK run there, also when they block and others run
 * meanwhile, on theirs; a new thread has none; a thread that overflows its stack is told on its alternate one.
 */
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum { THREADS = 6, SIZE = 65536 };

static pthread_barrier_t all;
static __thread char *mine;
static __thread volatile int on_it, handled;
static __thread sigjmp_buf back;

static bool is_within(const void *p, const char *stack)
{
	return (const char *)p >= stack && (const char *)p < stack + SIZE;
}

static void on_usr1(int sig)
{
	char here[256];

	(void)sig;
	memset(here, 'a' + handled, sizeof here);
	on_it += is_within(here, mine);
	pthread_barrier_wait(&all); /* every thread is in its handler */
	usleep(1000);
	for (size_t i = 0; i < sizeof here; i++)
		expect(here[i] == 'a' + handled);
	handled++;
}

static void on_segv(int sig)
{
	char here;

	(void)sig;
	on_it += is_within(&here, mine);
	siglongjmp(back, 1);
}

static int overflow(int n)
{
	volatile char some[1000];

	some[n % 1000] = n;
	return overflow(n + 1) + some[n % 1000];
}

static void *body(void *arg)
{
	stack_t stack = {.ss_size = SIZE}, old;

	tell(sigaltstack(NULL, &old));
	expect(old.ss_flags == SS_DISABLE);
	mine = stack.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(sigaltstack(&stack, NULL) == 0);
	pthread_barrier_wait(&all);
	for (int i = 0; i < 3; i++)
		pthread_kill(pthread_self(), SIGUSR1);
	expect(on_it == 3);
	if (sigsetjmp(back, 1) == 0)
		overflow(0);
	expect(on_it == 4);
	sigaltstack(NULL, &old);
	expect(old.ss_sp == mine && old.ss_size == SIZE && old.ss_flags == 0);
	stack.ss_flags = SS_DISABLE;
	expect(sigaltstack(&stack, NULL) == 0);
	munmap(mine, SIZE);
	return arg;
}

int main(void)
{
	struct sigaction usr1 = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	struct sigaction segv = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
	pthread_t t[THREADS];

	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	pthread_barrier_init(&all, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(body, NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("done\n");
	return 0;
}
