/*
 * Key destructors: run at the end of a thread, in rounds while they set values again (four at most), not for deleted
 * keys and not for null values; they may block.
 */
#include "check.h"

#include <limits.h>

static pthread_key_t again, quiet, deleted, blocks, many[200];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int rounds, ran[200];

static void run_again(void *value)
{
	rounds++;
	printf("round %d with %ld\n", rounds, (long)value);
	pthread_setspecific(again, (void *)((long)value + 1));
}

static void never(void *value)
{
	printf("must not run: %ld\n", (long)value);
}

static void block_in_destructor(void *value)
{
	expect(pthread_getspecific(blocks) == NULL);
	pthread_mutex_lock(&lock);
	sleep_ms(2);
	pthread_mutex_unlock(&lock);
	printf("blocked and went on: %ld\n", (long)value);
}

static void count(void *value)
{
	ran[(long)value]++;
}

static void *body(void *arg)
{
	(void)arg;
	expect(pthread_setspecific(again, (void *)10L) == 0);
	expect(pthread_setspecific(quiet, (void *)20L) == 0);
	expect(pthread_setspecific(quiet, NULL) == 0);
	expect(pthread_setspecific(deleted, (void *)30L) == 0);
	expect(pthread_key_delete(deleted) == 0);
	return NULL;
}

static void *body_blocks(void *arg)
{
	pthread_setspecific(blocks, arg);
	pthread_exit(NULL);
}

static void *body_many(void *arg)
{
	(void)arg;
	for (long i = 0; i < 200; i++)
		expect(pthread_setspecific(many[i], (void *)i) == 0);
	return NULL;
}

int main(void)
{
	pthread_key_t key;
	int n = 0;

	expect(pthread_key_create(&again, run_again) == 0);
	expect(pthread_key_create(&quiet, never) == 0);
	expect(pthread_key_create(&deleted, never) == 0);
	expect(pthread_key_create(&blocks, block_in_destructor) == 0);
	join(start(body, NULL));
	printf("rounds: %d, PTHREAD_DESTRUCTOR_ITERATIONS %d\n", rounds, PTHREAD_DESTRUCTOR_ITERATIONS);
	join(start(body_blocks, (void *)5L));

	for (int i = 0; i < 200; i++)
		expect(pthread_key_create(&many[i], count) == 0);
	join(start(body_many, NULL));
	join(start(body_many, NULL));
	for (int i = 1; i < 200; i++)
		expect(ran[i] == 2);
	printf("null values ran: %d\n", ran[0]);

	tell_error(pthread_setspecific(deleted, &n));
	tell_error(pthread_key_delete(deleted));
	while (pthread_key_create(&key, NULL) == 0)
		n++;
	tell_error(pthread_key_create(&key, NULL));
	printf("all keys used: %d\n", n + 203 <= PTHREAD_KEYS_MAX);
	return 0;
}
