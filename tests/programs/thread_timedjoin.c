/*
 * pthread_tryjoin_np, pthread_timedjoin_np, pthread_clockjoin_np: time-outs leave the thread joinable, values come
 * through, an unsuitable clock is refused.
 */
#include "check.h"

static struct turn turn = TURN;

static void *wait_for_turn(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	return arg;
}

int main(void)
{
	pthread_t t = start(wait_for_turn, (void *)1L);
	struct timespec past = {1, 0}, soon;
	void *value = (void *)-5L;

	tell_error(pthread_tryjoin_np(t, &value));
	tell_error(pthread_timedjoin_np(t, &value, &past));
	soon = clock_in(CLOCK_REALTIME, 30);
	tell_error(pthread_timedjoin_np(t, &value, &soon));
	soon = clock_in(CLOCK_MONOTONIC, 30);
	tell_error(pthread_clockjoin_np(t, &value, CLOCK_MONOTONIC, &soon));
	tell_error(pthread_clockjoin_np(t, &value, CLOCK_PROCESS_CPUTIME_ID, &soon));
	printf("value untouched: %ld\n", (long)value);

	turn_set(&turn, 1);
	soon = clock_in(CLOCK_REALTIME, 10000);
	tell_error(pthread_timedjoin_np(t, &value, &soon));
	printf("value: %ld\n", (long)value);

	t = start(wait_for_turn, (void *)2L);
	turn_set(&turn, 2);
	soon = clock_in(CLOCK_MONOTONIC, 10000);
	tell_error(pthread_clockjoin_np(t, &value, CLOCK_MONOTONIC, &soon));
	printf("value: %ld\n", (long)value);

	t = start(wait_for_turn, (void *)2L);
	while (pthread_tryjoin_np(t, &value) == EBUSY)
		sleep_ms(1);
	printf("tried until it was over: %ld\n", (long)value);

	t = start(wait_for_turn, (void *)2L);
	tell_error(pthread_timedjoin_np(t, &value, NULL));
	return 0;
}
