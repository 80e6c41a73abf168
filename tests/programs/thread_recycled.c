/*
 * A new thread finds no trace of an ended one, however often stacks and control blocks are used again: TLS, keys,
 * name, signal mask, locale, errno, rounding mode, cancellation state, alternate stack.
 */
#include "check.h"

#include <fenv.h>
#include <locale.h>
#include <signal.h>

static __thread int initialised = 42;
static __thread char zeroed[3000];
static pthread_key_t key;
static char stack[65536];

static double nearest;

static double third(void)
{
	volatile double one = 1, three = 3;

	return one / three;
}

static void expect_fresh(void)
{
	stack_t alternate;
	sigset_t mask;
	char name[16];
	int old;

	expect(initialised == 42);
	for (size_t i = 0; i < sizeof zeroed; i++)
		expect(zeroed[i] == 0);
	expect(pthread_getspecific(key) == NULL);
	expect(uselocale(NULL) == LC_GLOBAL_LOCALE);
	expect(errno == 0);
	expect(fegetround() == FE_TONEAREST);
	expect(third() == nearest);
	expect(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0);
	expect(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGTERM));
	expect(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
	expect(strcmp(name, "thread_recycled") == 0);
	expect(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old) == 0 && old == PTHREAD_CANCEL_ENABLE);
	expect(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old) == 0 && old == PTHREAD_CANCEL_DEFERRED);
	expect(sigaltstack(NULL, &alternate) == 0 && alternate.ss_flags == SS_DISABLE);
}

static void leave_traces(void)
{
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
	sigset_t mask;

	initialised = 7;
	memset(zeroed, 'x', sizeof zeroed);
	pthread_setspecific(key, &key);
	uselocale(newlocale(LC_ALL_MASK, "C", NULL));
	fesetround(FE_UPWARD);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	pthread_setname_np(pthread_self(), "litter");
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	sigaltstack(&alternate, NULL);
	errno = EXDEV;
}

static void *live(void *arg)
{
	expect_fresh();
	leave_traces();
	if ((long)arg % 3 == 0)
		sched_yield();
	if ((long)arg % 2)
		pthread_exit(arg);
	return arg;
}

int main(void)
{
	pthread_t t[8];
	long n = 0;

	nearest = third();
	expect(pthread_key_create(&key, NULL) == 0);
	for (long i = 0; i < 50; i++)
		expect((long)join(start(live, (void *)i)) == i);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 8; i++)
			t[i] = start(live, (void *)n++);
		for (int i = 0; i < 8; i++)
			join(t[i]);
	}
	expect(fegetround() == FE_TONEAREST);
	printf("%ld threads, no trace\n", n + 50);
	return 0;
}
