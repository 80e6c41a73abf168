/*
 * A thread that exhausts its stack gets SIGSEGV on its alternate stack, with the code of a page that may not be touched and
 * an address in the guard below the stack; the 40th as the first, and one with a small stack, too.
 */
#include "check.h"

#include <semaphore.h>
#include <signal.h>

enum { OTHERS = 39 };

static char *low;
static sem_t rest;

static void say(int sig, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)context;
	printf("signal %d, code %d, in the guard: %d\n", sig, info->si_code, at < low && at >= low - 4096);
	fflush(stdout);
	_exit(3);
}

static int deeper(int n)
{
	volatile char some[1024];

	some[0] = n;
	return deeper(n + 1) + some[0];
}

static void *exhaust(void *arg)
{
	static char other[65536];
	stack_t alternate = {.ss_sp = other, .ss_size = sizeof other};
	struct sigaction act = {.sa_sigaction = say, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	pthread_attr_t attr;
	size_t size;
	void *p;

	expect(pthread_getattr_np(pthread_self(), &attr) == 0);
	expect(pthread_attr_getstack(&attr, &p, &size) == 0);
	low = p;
	expect(sigaltstack(&alternate, NULL) == 0);
	expect(sigaction(SIGSEGV, &act, NULL) == 0);
	return (char *)arg + deeper(0);
}

static void *wait_for_ever(void *arg)
{
	sem_wait(&rest);
	return arg;
}

struct attempt {
	int others;
	size_t size;
};

static void run(void *attempt)
{
	struct attempt *a = attempt;
	pthread_attr_t attr;
	pthread_t t;

	expect(pthread_attr_init(&attr) == 0);
	if (a->size)
		expect(pthread_attr_setstacksize(&attr, a->size) == 0);
	for (int i = 0; i < a->others; i++)
		expect(pthread_create(&t, &attr, wait_for_ever, NULL) == 0);
	expect(pthread_create(&t, &attr, exhaust, NULL) == 0);
	pthread_join(t, NULL);
}

int main(void)
{
	static struct attempt attempts[] = {{0, 0}, {OTHERS, 0}, {0, 65536}, {OTHERS, 1 << 20}};

	for (int i = 0; i < 4; i++)
		printf("status %d\n", WEXITSTATUS(in_child(run, &attempts[i])));
	return 0;
}
