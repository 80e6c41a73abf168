/*
 * Semaphores: counts, try, time-outs on both clocks, errors, named ones, overflow, and tokens passed in a ring.
 */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>

enum { RING = 7, ROUNDS = 200 };

static sem_t ring[RING], s;
static int passed;

static void *relay(void *arg)
{
	int i = (int)(long)arg;

	for (int n = 0; n < ROUNDS; n++) {
		expect(sem_wait(&ring[i]) == 0);
		passed++;
		expect(sem_post(&ring[(i + 1) % RING]) == 0);
	}
	return NULL;
}

static void *post_later(void *arg)
{
	sleep_ms(5);
	expect(sem_post(arg) == 0);
	return NULL;
}

static int value_of(sem_t *sem)
{
	int value;

	expect(sem_getvalue(sem, &value) == 0);
	return value;
}

int main(void)
{
	struct timespec at, past = {1, 0}, bad = {1, 1000000000};
	pthread_t t[RING];
	char name[64];
	sem_t *named, *again;

	expect(sem_init(&s, 0, 2) == 0);
	tell(sem_trywait(&s));
	tell(sem_wait(&s));
	tell(sem_trywait(&s));
	tell(sem_timedwait(&s, &past));
	tell(sem_timedwait(&s, &bad));
	at = clock_in(CLOCK_REALTIME, 20);
	tell(sem_timedwait(&s, &at));
	at = clock_in(CLOCK_MONOTONIC, 20);
	tell(sem_clockwait(&s, CLOCK_MONOTONIC, &at));
	tell(sem_clockwait(&s, CLOCK_PROCESS_CPUTIME_ID, &at));
	tell(value_of(&s));
	t[0] = start(post_later, &s);
	at = clock_in(CLOCK_REALTIME, 10000);
	tell(sem_timedwait(&s, &at));
	join(t[0]);
	tell(value_of(&s));
	tell(sem_destroy(&s));
	tell(sem_init(&s, 0, (unsigned)SEM_VALUE_MAX + 1));
	expect(sem_init(&s, 0, SEM_VALUE_MAX) == 0);
	tell(sem_post(&s));

	snprintf(name, sizeof name, "/check-%d", (int)getpid());
	named = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
	expect(named != SEM_FAILED);
	expect(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED && errno == EEXIST);
	again = sem_open(name, 0);
	expect(again == named);
	tell(sem_wait(named));
	t[0] = start(post_later, again);
	tell(sem_wait(named));
	join(t[0]);
	tell(sem_close(named));
	tell(sem_close(again));
	tell(sem_unlink(name));
	tell(sem_open(name, 0) == SEM_FAILED && errno == ENOENT);

	for (int i = 0; i < RING; i++)
		sem_init(&ring[i], 0, i == 0);
	for (long i = 0; i < RING; i++)
		t[i] = start(relay, (void *)i);
	for (int i = 0; i < RING; i++)
		join(t[i]);
	printf("passed %d\n", passed);
	return 0;
}
