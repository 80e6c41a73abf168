/*
 * Every futex operation through syscall(): what it returns, whom it wakes, in which order, its time-outs and errors.
 */
#include "check.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { WAITERS = 5 };

static _Atomic uint32_t a, b;
static atomic_int waiting, done;
static uint32_t bits[WAITERS] = {1, 2, 4, 1, 8};
static int order[WAITERS];
static int op_bit = FUTEX_PRIVATE_FLAG;

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const void *time, void *word2, uint32_t value3)
{
	return syscall(SYS_futex, word, op | op_bit, value, time, word2, value3);
}

static void *waits(void *arg)
{
	int i = *(int *)arg;

	waiting++;
	expect(futex(&a, FUTEX_WAIT_BITSET, 0, NULL, NULL, bits[i]) == 0);
	order[done++] = i;
	return NULL;
}

static void start_waiters(pthread_t *t)
{
	static int numbers[WAITERS] = {0, 1, 2, 3, 4};

	a = waiting = done = 0;
	for (int i = 0; i < WAITERS; i++) {
		t[i] = start(waits, &numbers[i]);
		while (waiting <= i)
			sched_yield();
		let_block();
	}
}

static void end_waiters(pthread_t *t)
{
	a = 1;
	while (done < WAITERS) {
		futex(&a, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
		futex(&b, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
		sched_yield();
	}
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
}

static void wakes(void)
{
	pthread_t t[WAITERS];

	start_waiters(t);
	tell(futex(&a, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4));
	tell(futex(&a, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1));
	tell(futex(&a, FUTEX_WAKE_BITSET, 10, NULL, NULL, 16));
	tell(futex(&a, FUTEX_WAKE, 1, NULL, NULL, 0));
	tell(futex(&a, FUTEX_WAKE, 0, NULL, NULL, 0)); /* wakes one, as any number below */
	tell(futex(&a, FUTEX_WAKE, 10, NULL, NULL, 0));
	tell(futex(&a, FUTEX_WAKE, 10, NULL, NULL, 0));
	end_waiters(t);
}

static void requeues(void)
{
	pthread_t t[WAITERS];

	start_waiters(t);
	tell(futex(&a, FUTEX_CMP_REQUEUE, 1, (void *)2L, &b, 7));
	tell(futex(&a, FUTEX_CMP_REQUEUE, 1, (void *)2L, &b, 0));
	tell(futex(&b, FUTEX_WAKE, 1, NULL, NULL, 0));
	tell(futex(&a, FUTEX_REQUEUE, 0, (void *)1L, &b, 0));
	tell(futex(&b, FUTEX_WAKE, 10, NULL, NULL, 0));
	tell(futex(&a, FUTEX_WAKE, 10, NULL, NULL, 0));
	end_waiters(t);
}

static void wakes_with_op(void)
{
	pthread_t t[WAITERS];

	start_waiters(t);
	b = 5;
	tell(futex(&a, FUTEX_WAKE_OP, 1, (void *)2L, &b, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
	printf("b %u\n", b);
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &a, FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_GT, 5)));
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &a, FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_LE, 5)));
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &b, FUTEX_OP(FUTEX_OP_ANDN, 8, FUTEX_OP_CMP_LT, 0)));
	printf("b %u\n", b);
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &b,
	    FUTEX_OP((FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_NE, -1)));
	printf("b %u\n", b);
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &b, FUTEX_OP(FUTEX_OP_XOR, 255, FUTEX_OP_CMP_GE, -1)));
	printf("b %u\n", b);
	tell(futex(&b, FUTEX_WAKE_OP, 1, (void *)2L, &b, FUTEX_OP(7, 255, FUTEX_OP_CMP_GE, -1)));
	end_waiters(t);
}

static void errors(void)
{
	struct timespec bad = {0, 1000000000}, none = {0, 0}, past = {1, 0}, negative = {-1, 0}, some = {0, 3000000};

	a = 1;
	tell(futex(&a, FUTEX_WAIT, 0, NULL, NULL, 0));
	tell(futex(&a, FUTEX_WAIT, 1, &bad, NULL, 0));
	tell(futex(&a, FUTEX_WAIT, 1, &negative, NULL, 0));
	tell(futex(&a, FUTEX_WAIT, 0, &bad, NULL, 0));
	tell(futex(&a, FUTEX_WAIT, 1, &none, NULL, 0));
	tell(futex(&a, FUTEX_WAIT, 1, &some, NULL, 0));
	tell(futex(&a, FUTEX_WAIT_BITSET, 1, &past, NULL, 1));
	tell(futex(&a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &past, NULL, 1));
	tell(futex(&a, FUTEX_WAIT_BITSET, 1, &past, NULL, 0));
	tell(futex(&a, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	tell(futex((void *)((char *)&a + 1), FUTEX_WAIT, 0, NULL, NULL, 0));
	tell(futex((void *)((char *)&a + 1), FUTEX_WAKE, 1, NULL, NULL, 0));
	tell(futex(NULL, FUTEX_WAIT, 0, NULL, NULL, 0));
	tell(futex(&a, FUTEX_FD, 0, NULL, NULL, 0));
	tell(futex(&a, 63, 0, NULL, NULL, 0));
	tell(futex(&a, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

static void *contends(void *arg)
{
	struct timespec past = {1, 0}, soon = clock_in(CLOCK_REALTIME, 5);
	uint32_t me = syscall(SYS_gettid);

	tell(futex(arg, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	tell(futex(arg, FUTEX_LOCK_PI, 0, &past, NULL, 0));
	tell(futex(arg, FUTEX_LOCK_PI, 0, &soon, NULL, 0));
	tell(futex(arg, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	waiting = 1;
	expect(futex(arg, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	expect((a & FUTEX_TID_MASK) == me);
	expect(futex(arg, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	return NULL;
}

static void inherits(void)
{
	uint32_t me = syscall(SYS_gettid);

	a = waiting = 0;
	tell(futex(&a, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	printf("mine %d\n", a == me);
	tell(futex(&a, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	tell(futex(&a, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	pthread_t t = start(contends, &a);
	while (!waiting)
		sched_yield();
	let_block();
	tell(futex(&a, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	join(t);
	printf("free %d\n", a == 0);
}

/* Another process waits on the same page. */
static void between_processes(void)
{
	_Atomic uint32_t *word =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(10);
		word[1] = 1;
		while (word[0] == 0)
			syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
		word[2] = 1;
		syscall(SYS_futex, word + 2, FUTEX_WAKE, 1, NULL, NULL, 0);
		_exit(5);
	}
	while (word[1] == 0)
		sched_yield();
	let_block();
	word[0] = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (word[2] == 0)
		syscall(SYS_futex, word + 2, FUTEX_WAIT, 0, NULL, NULL, 0);
	expect(waitpid(pid, &status, 0) == pid);
	printf("child %d %d\n", WTERMSIG(status), WEXITSTATUS(status));
}

static void *sleeps(void *arg)
{
	sleep_ms(100000);
	return arg;
}

int main(void)
{
	start(sleeps, NULL);
	for (int i = 0; i < 2; i++) {
		wakes();
		requeues();
		wakes_with_op();
		errors();
		inherits();
		op_bit = 0;
	}
	between_processes();
	return 0;
}
