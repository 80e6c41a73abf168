/* Barriers, spin locks and once: nobody passes a barrier early, one serial thread a round, the serial thread may
 * destroy it at once; a spin lock excludes; a routine runs once. */
#include "torture.h"

static pthread_barrier_t barrier[2];
static pthread_spinlock_t spin;
static atomic_long arrived, serial;
static long rounds, spun;
static pthread_once_t once[400];
static atomic_int ran, rolled;

static void routine(void)
{
	struct dice d = {seed + rolled++};

	dawdle(&d);
	ran++;
}

/* Two barriers in turn: whoever is served by one may destroy and remake it, since all have left it for the other. */
static void pass(long n, struct dice *d)
{
	pthread_barrier_t *b = &barrier[n % 2];
	int r;

	arrived++;
	r = pthread_barrier_wait(b);
	insist(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
	insist(arrived >= (n + 1) * threads);
	if (r != PTHREAD_BARRIER_SERIAL_THREAD)
		return;
	serial++;
	if (pick(d, 4) == 0) {
		insist(pthread_barrier_destroy(b) == 0);
		insist(pthread_barrier_init(b, NULL, threads) == 0);
	}
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < rounds; n++) {
		insist(pthread_once(&once[n], routine) == 0);
		insist(ran > n);
		dawdle(d);
		pass(n, d);
		pthread_spin_lock(&spin);
		long before = spun;
		if (pick(d, 16) == 0)
			sched_yield();
		spun = before + 1;
		pthread_spin_unlock(&spin);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	rounds = operations > 400 ? 400 : operations;
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < 2; i++)
		insist(pthread_barrier_init(&barrier[i], NULL, threads) == 0);
	run_all(threads, work);
	insist(serial == rounds && arrived == rounds * threads && spun == rounds * threads && ran == rounds);
	for (int i = 0; i < 2; i++)
		insist(pthread_barrier_destroy(&barrier[i]) == 0);
	return 0;
}
