/*
 * Groups of threads: talkers that never give way speak in order of creation; results in order of asking and in order
 * of being ready; a pool of two never runs three.
 * vervet-runs: 20
 */
#include "check.h"

#include <semaphore.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_more = PTHREAD_COND_INITIALIZER;
static int ready[3], nready;
static sem_t pool;
static int inside;

static void *talk(void *msg)
{
	for (int i = 0; i < 3; i++)
		printf("%s\n", (char *)msg);
	return NULL;
}

static void *intensive(void *n)
{
	pthread_mutex_lock(&m);
	while (nready != 2 - (int)(long)n) /* the last is ready first */
		pthread_cond_wait(&one_more, &m);
	ready[nready++] = (int)(long)n;
	pthread_cond_broadcast(&one_more);
	pthread_mutex_unlock(&m);
	return n;
}

static void *hello_from(void *n)
{
	sem_wait(&pool);
	inside++;
	expect(inside <= 2);
	sleep_ms(10);
	printf("Size of pool %d\n", inside);
	inside--;
	sem_post(&pool);
	return n;
}

int main(void)
{
	pthread_t t[3];

	t[0] = start(talk, "bar");
	t[1] = start(talk, "foo");
	join(t[0]);
	join(t[1]);
	join(start(talk, "fizz"));

	for (long i = 0; i < 3; i++)
		t[i] = start(intensive, (void *)i);
	printf("Ordered\n");
	for (int i = 0; i < 3; i++)
		printf("('task', %ld)\n", (long)join(t[i]));
	printf("Unordered\n");
	for (int i = 0; i < 3; i++)
		printf("('task', %d)\n", ready[i]);

	sem_init(&pool, 0, 2);
	for (long i = 0; i < 3; i++)
		t[i] = start(hello_from, (void *)i);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	return 0;
}
