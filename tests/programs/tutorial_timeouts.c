/*
 * Time-outs: the earlier deadline wins, whoever armed it; a call in time is not disturbed.
 */
#include "check.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static volatile bool leave;

static void *wait_long(void *arg)
{
	while (!leave)
		sleep_ms(10);
	return arg;
}

static void *wait_cond(void *arg)
{
	struct timespec at = clock_in(CLOCK_REALTIME, (int)(long)arg);
	int r;

	pthread_mutex_lock(&m);
	r = pthread_cond_timedwait(&c, &m, &at);
	pthread_mutex_unlock(&m);
	return (void *)(long)r;
}

int main(void)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, 30);
	pthread_t t = start(wait_long, (void *)6L), w;
	void *value = NULL;

	if (pthread_timedjoin_np(t, &value, &soon) == ETIMEDOUT)
		printf("Could not complete\n");
	w = start(wait_cond, (void *)20L);
	soon = clock_in(CLOCK_REALTIME, 10000);
	tell_error(pthread_timedjoin_np(w, &value, &soon));
	printf("Thread 1: %s\n", errno_name((int)(long)value));
	w = start(wait_cond, (void *)10000L);
	let_block();
	let_block();
	pthread_mutex_lock(&m);
	pthread_cond_signal(&c);
	pthread_mutex_unlock(&m);
	printf("Thread 2: %s\n", errno_name((int)(long)join(w)));
	leave = true;
	printf("Thread 3: %ld\n", (long)join(t));
	return 0;
}
