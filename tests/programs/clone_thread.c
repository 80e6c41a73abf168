/*
 * Threads made by clone, with their parent's thread-local data and with some of their own: who waits beside other threads
 * for the kernel to clear a thread's number, as it does at the thread's end, goes on.
 */
#include "check.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

static char stack[65536] __attribute__((aligned(16)));
static _Atomic int go;
static int ran;

static int child(void *steps)
{
	while (!go)
		sched_yield();
	ran += *(int *)steps;
	return 1;
}

static int quiet_child(void *steps)
{
	while (!go)
		;
	ran += *(int *)steps;
	return 1;
}

static void *let_it_go(void *unused)
{
	sleep_ms(5);
	go = 1;
	return unused;
}

static void once(int (*fn)(void *), int flags, void *tls, int steps)
{
	const int thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID;
	pthread_t t;
	int number = 1;

	go = 0;
	t = start(let_it_go, NULL);
	expect(clone(fn, stack + sizeof stack, thread | flags, &steps, NULL, tls, &number) > 0);
	while (__atomic_load_n(&number, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &number, FUTEX_WAIT, 1, NULL);
	pthread_join(t, NULL);
	printf("ran %d\n", ran);
}

static void *thread(void *unused)
{
	static void *tls[512] __attribute__((aligned(64)));

	tls[0] = tls[2] = tls; /* as a thread control block begins */
	once(quiet_child, CLONE_SETTLS, tls, 10);
	once(child, 0, NULL, 1);
	return unused;
}

int main(void)
{
	for (int i = 0; i < 5; i++)
		pthread_join(start(thread, NULL), NULL);
	thread(NULL);
	return 0;
}
