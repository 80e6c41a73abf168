/*
 * vervet-runs: 5
 * Waiters that were woken, but found the lock taken again, keep their order when it is given back for good.
 */
#include "check.h"

#include <semaphore.h>

enum { WAITERS = 6, BARGES = 4 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static sem_t s;

static void *wants_mutex(void *name)
{
	pthread_mutex_lock(&m);
	printf(" %ld", (long)name);
	pthread_mutex_unlock(&m);
	return NULL;
}

static void *wants_to_write(void *name)
{
	pthread_rwlock_wrlock(&rw);
	printf(" %ld", (long)name);
	pthread_rwlock_unlock(&rw);
	return NULL;
}

static void *wants_token(void *name)
{
	sem_wait(&s);
	printf(" %ld", (long)name);
	sem_post(&s);
	return NULL;
}

static void run(const char *what, void *(*wants)(void *), void (*take)(void), void (*give)(void))
{
	pthread_t t[WAITERS];

	printf("%s:", what);
	take();
	for (long i = 0; i < WAITERS; i++) {
		t[i] = start(wants, (void *)i);
		let_block();
	}
	for (int i = 0; i < BARGES; i++) {
		give();
		take();
	}
	let_block();
	give();
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
	puts("");
}

static void lock(void)
{
	pthread_mutex_lock(&m);
}

static void unlock(void)
{
	pthread_mutex_unlock(&m);
}

static void write_lock(void)
{
	pthread_rwlock_wrlock(&rw);
}

static void write_unlock(void)
{
	pthread_rwlock_unlock(&rw);
}

static void take_token(void)
{
	sem_wait(&s);
}

static void give_token(void)
{
	sem_post(&s);
}

int main(void)
{
	sem_init(&s, 0, 1);
	run("mutex", wants_mutex, lock, unlock);
	run("rwlock", wants_to_write, write_lock, write_unlock);
	run("semaphore", wants_token, take_token, give_token);
	return 0;
}
