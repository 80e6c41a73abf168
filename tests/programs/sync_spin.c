/*
 * A thread that spins, on a spin lock, on a flag, on sched_yield, never keeps the one it waits for from running.
 */
#include "check.h"

#include <stdatomic.h>

static pthread_spinlock_t spin;
static _Atomic int flag, plain_flag;

static void *holds(void *arg)
{
	(void)arg;
	pthread_spin_lock(&spin);
	flag = 1;
	sleep_ms(10);
	pthread_spin_unlock(&spin);
	return NULL;
}

static void *spins_on_lock(void *arg)
{
	(void)arg;
	while (!flag)
		;
	pthread_spin_lock(&spin);
	pthread_spin_unlock(&spin);
	return (void *)1L;
}

static void *spins_on_flag(void *arg)
{
	while (plain_flag < (long)arg)
		;
	plain_flag++;
	return (void *)2L;
}

static void *yields_on_flag(void *arg)
{
	while (plain_flag < (long)arg)
		sched_yield();
	plain_flag++;
	return (void *)3L;
}

int main(void)
{
	pthread_t t[6];

	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	tell_error(pthread_spin_trylock(&spin));
	tell_error(pthread_spin_trylock(&spin));
	tell_error(pthread_spin_unlock(&spin));
	t[0] = start(spins_on_lock, NULL);
	t[1] = start(spins_on_flag, (void *)3L);
	t[2] = start(spins_on_flag, (void *)2L);
	t[3] = start(yields_on_flag, (void *)1L);
	t[4] = start(holds, NULL);
	sleep_ms(20);
	plain_flag = 1;
	for (int i = 0; i < 5; i++)
		printf("%ld ", (long)join(t[i]));
	printf("flag %d\n", plain_flag);
	return 0;
}
