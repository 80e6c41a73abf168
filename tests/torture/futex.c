/* The raw futex call: a lock with requeueing conditions, bit sets, WAKE_OP and a priority-inheriting lock. */
#include "torture.h"

#include <linux/futex.h>
#include <sys/syscall.h>

static _Atomic uint32_t lock, sequence, inherit, flags;
static int inside, inherit_inside;
static long count, inherit_count;
static atomic_int waiting;
static int private;

static long futex(
    _Atomic uint32_t *word, int op, uint32_t value, const void *time, void *word2, uint32_t value3)
{
	return syscall(SYS_futex, word, op | private, value, time, word2, value3);
}

/* 0 free, 1 taken, 2 taken and waited for. */
static void lock_it(void)
{
	uint32_t c = 0;

	if (atomic_compare_exchange_strong(&lock, &c, 1))
		return;
	while (atomic_exchange(&lock, 2) != 0)
		futex(&lock, FUTEX_WAIT, 2, NULL, NULL, 0);
}

static void unlock_it(void)
{
	if (atomic_exchange(&lock, 0) == 2)
		futex(&lock, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* A condition: with the lock held, wait for a new sequence number for a while. */
static void wait_some(struct dice *d)
{
	uint32_t s = sequence;
	struct timespec rest = {0, (1 + pick(d, 500)) * 1000L}, until = in_us(CLOCK_MONOTONIC, pick(d, 500));
	long r;

	waiting++;
	inside--;
	unlock_it();
	r = pick(d, 2) ? futex(&sequence, FUTEX_WAIT, s, &rest, NULL, 0)
		       : futex(&sequence, FUTEX_WAIT_BITSET, s, &until, NULL, 1u << pick(d, 32));
	insist(r == 0 || errno == EAGAIN || errno == ETIMEDOUT);
	waiting--;
	while (atomic_exchange(&lock, 2) != 0)
		futex(&lock, FUTEX_WAIT, 2, NULL, NULL, 0);
	insist(inside++ == 0);
}

static void tell_all(struct dice *d)
{
	uint32_t s = ++sequence;
	long r;

	switch (pick(d, 3)) {
	case 0:
		r = futex(&sequence, FUTEX_WAKE_BITSET, INT32_MAX, NULL, NULL, ~0u);
		break;
	case 1:
		r = futex(&sequence, FUTEX_CMP_REQUEUE, 1, (void *)(long)INT32_MAX, &lock, s);
		if (r > 0)
			atomic_exchange(&lock, 2);
		break;
	default:
		r = futex(&sequence, FUTEX_WAKE_OP, INT32_MAX, (void *)1L, &flags,
		    FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_GE, 0));
		break;
	}
	insist(r >= 0);
}

static void inheriting(struct dice *d)
{
	uint32_t none = 0, me = syscall(SYS_gettid);

	if (!atomic_compare_exchange_strong(&inherit, &none, me))
		insist(futex(&inherit, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	insist((inherit & FUTEX_TID_MASK) == me);
	insist(inherit_inside++ == 0);
	inherit_count++;
	dawdle(d);
	inherit_inside--;
	if (!atomic_compare_exchange_strong(&inherit, &me, 0))
		insist(futex(&inherit, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		lock_it();
		insist(inside++ == 0);
		count++;
		dawdle(d);
		if (pick(d, 4) == 0)
			wait_some(d);
		else if (pick(d, 3) == 0)
			tell_all(d);
		inside--;
		unlock_it();
		if (pick(d, 4) == 0)
			inheriting(d);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	private = seed % 4 ? FUTEX_PRIVATE_FLAG : 0;
	run_all(threads, work);
	insist(count == operations * threads && lock == 0 && inherit == 0 && waiting == 0);
	return 0;
}
