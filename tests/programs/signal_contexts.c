/*
 * A signal that waits behind a thread's mask comes when that goes on in a context that does not block it, and before
 * anything else is done there; it stays where the context blocks it.
 */
#include "check.h"

#include <signal.h>
#include <ucontext.h>

static ucontext_t back, open_one, closed_one;
static char stacks[2][65536];
static volatile int handled;

static void on_usr1(int sig)
{
	handled += sig == SIGUSR1;
}

static void look(const char *where)
{
	int seen = handled; /* without a call in between */

	printf("%s: %d handled\n", where, seen);
}

static void in_open(void)
{
	look("open");
}

static void in_closed(void)
{
	look("closed");
}

static void *send(void *to)
{
	expect(pthread_kill(*(pthread_t *)to, SIGUSR1) == 0);
	return NULL;
}

static void make(ucontext_t *context, char *stack, void (*f)(void), int sig)
{
	expect(getcontext(context) == 0);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = sizeof stacks[0];
	context->uc_link = &back;
	sigemptyset(&context->uc_sigmask);
	if (sig)
		sigaddset(&context->uc_sigmask, sig);
	makecontext(context, f, 0);
}

static void *visit(void *unused)
{
	pthread_t me = pthread_self();

	for (int i = 0; i < 3; i++) {
		handled = 0;
		make(&closed_one, stacks[0], in_closed, SIGUSR1);
		make(&open_one, stacks[1], in_open, 0);
		join(start(send, &me));
		look("before");
		expect(swapcontext(&back, &closed_one) == 0);
		look("between");
		expect(swapcontext(&back, &open_one) == 0);
		look("after");
	}
	return unused;
}

int main(void)
{
	sigset_t usr1;

	signal(SIGUSR1, on_usr1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	visit(NULL);
	join(start(visit, NULL));
	return 0;
}
