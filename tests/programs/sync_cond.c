/*
 * Condition variables: time-outs on both clocks, the mutex is held again afterwards, every signal wakes somebody,
 * a broadcast all, nobody is forgotten in a producer and consumer queue.
 */
#include "check.h"

enum { WAITERS = 10, ITEMS = 3000 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int waiting, tokens, woken, rounds;

static void *wait_for_token(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&m);
	waiting++;
	while (tokens == 0) {
		expect(pthread_cond_wait(&c, &m) == 0);
		rounds++;
	}
	tokens--;
	woken++;
	pthread_mutex_unlock(&m);
	return NULL;
}

static void all_waiting(void)
{
	for (;;) {
		pthread_mutex_lock(&m);
		bool all = waiting == WAITERS;
		pthread_mutex_unlock(&m);
		if (all)
			return;
		sched_yield();
	}
}

static void signals_and_broadcast(void)
{
	pthread_t t[WAITERS];

	for (int i = 0; i < WAITERS; i++)
		t[i] = start(wait_for_token, NULL);
	all_waiting();
	for (int i = 0; i < 4; i++) {
		pthread_mutex_lock(&m);
		tokens++;
		pthread_mutex_unlock(&m);
		pthread_cond_signal(&c);
		for (bool taken = false; !taken; sched_yield()) {
			pthread_mutex_lock(&m);
			taken = woken == i + 1;
			pthread_mutex_unlock(&m);
		}
	}
	pthread_mutex_lock(&m);
	printf("woken one by one: %d%s\n", woken, rounds > woken + 1 ? ", others for nothing" : "");
	tokens = WAITERS - 4;
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
	printf("all: %d\n", woken);
}

static void time_outs(void)
{
	pthread_mutexattr_t mutex_attr;
	pthread_condattr_t attr;
	pthread_mutex_t checked;
	pthread_cond_t monotonic;
	struct timespec at, past = {1, 0}, bad = {1, -1};

	pthread_mutexattr_init(&mutex_attr);
	pthread_mutexattr_settype(&mutex_attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checked, &mutex_attr);
	pthread_condattr_init(&attr);
	tell_error(pthread_condattr_setclock(&attr, CLOCK_PROCESS_CPUTIME_ID));
	tell_error(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	pthread_cond_init(&monotonic, &attr);

	pthread_mutex_lock(&checked);
	at = clock_in(CLOCK_REALTIME, 20);
	tell_error(pthread_cond_timedwait(&c, &checked, &at));
	tell_error(pthread_mutex_lock(&checked));
	at = clock_in(CLOCK_MONOTONIC, 20);
	tell_error(pthread_cond_timedwait(&monotonic, &checked, &at));
	at = clock_in(CLOCK_MONOTONIC, 20);
	tell_error(pthread_cond_clockwait(&c, &checked, CLOCK_MONOTONIC, &at));
	tell_error(pthread_cond_timedwait(&c, &checked, &past));
	tell_error(pthread_cond_timedwait(&c, &checked, &bad));
	tell_error(pthread_mutex_unlock(&checked));
	tell_error(pthread_cond_destroy(&monotonic));
	tell_error(pthread_mutex_destroy(&checked));
}

static int queue[4], head, count;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;

static void *produce(void *arg)
{
	(void)arg;
	for (int i = 1; i <= ITEMS; i++) {
		pthread_mutex_lock(&m);
		while (count == 4)
			pthread_cond_wait(&not_full, &m);
		queue[(head + count++) % 4] = i;
		pthread_mutex_unlock(&m);
		pthread_cond_signal(&not_empty);
	}
	return NULL;
}

static void *consume(void *arg)
{
	long sum = 0;

	(void)arg;
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&m);
		while (count == 0)
			pthread_cond_wait(&not_empty, &m);
		sum += queue[head];
		head = (head + 1) % 4;
		count--;
		pthread_mutex_unlock(&m);
		pthread_cond_signal(&not_full);
	}
	return (void *)sum;
}

int main(void)
{
	pthread_t producers[3], consumers[3];
	long sum = 0;

	signals_and_broadcast();
	time_outs();
	for (int i = 0; i < 3; i++) {
		producers[i] = start(produce, NULL);
		consumers[i] = start(consume, NULL);
	}
	for (int i = 0; i < 3; i++) {
		join(producers[i]);
		sum += (long)join(consumers[i]);
	}
	printf("consumed %ld\n", sum);
	return 0;
}
