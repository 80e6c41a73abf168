/* Semaphores as pools of tokens, waited for in every way: never more out than there are, and all come back. */
#include "torture.h"

#include <semaphore.h>

enum { POOLS = 3 };

static struct {
	sem_t sem;
	int tokens;
	atomic_int out;
} pools[POOLS];

static bool take(sem_t *s, struct dice *d)
{
	struct timespec ts;

	switch (pick(d, 4)) {
	case 0:
		if (sem_trywait(s) == 0)
			return true;
		insist(errno == EAGAIN);
		return false;
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		if (sem_timedwait(s, &ts) == 0)
			return true;
		insist(errno == ETIMEDOUT);
		return false;
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 300));
		if (sem_clockwait(s, CLOCK_MONOTONIC, &ts) == 0)
			return true;
		insist(errno == ETIMEDOUT);
		return false;
	default:
		insist(sem_wait(s) == 0);
		return true;
	}
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++) {
		int i = pick(d, POOLS);

		if (!take(&pools[i].sem, d))
			continue;
		insist(++pools[i].out <= pools[i].tokens);
		dawdle(d);
		pools[i].out--;
		insist(sem_post(&pools[i].sem) == 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int value;

	begin(argc, argv);
	struct dice d = {~seed};
	for (int i = 0; i < POOLS; i++) {
		pools[i].tokens = 1 + pick(&d, 4);
		insist(sem_init(&pools[i].sem, pick(&d, 4) == 0, pools[i].tokens) == 0);
	}
	run_all(threads, work);
	for (int i = 0; i < POOLS; i++) {
		insist(sem_getvalue(&pools[i].sem, &value) == 0 && value == pools[i].tokens);
		insist(sem_destroy(&pools[i].sem) == 0);
	}
	return 0;
}
