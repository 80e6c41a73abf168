/*
 * A mutex or condition that is made at the address of an old one, for which a thread still waits: that thread gets nothing of
 * the new one. (libc-test leaves such threads behind, on objects in frames that are gone.)
 */
#include "check.h"

static pthread_mutex_t mutex;
static pthread_cond_t cond;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int taken, woken;

static void *lock_twice(void *arg)
{
	expect(pthread_mutex_lock(&mutex) == 0);
	pthread_mutex_lock(&mutex);
	__atomic_store_n(&taken, 1, __ATOMIC_SEQ_CST);
	return arg;
}

static void *wait_for_ever(void *arg)
{
	pthread_mutex_lock(&held);
	pthread_cond_wait(&cond, &held);
	__atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
	return arg;
}

int main(void)
{
	expect(pthread_mutex_init(&mutex, NULL) == 0 && pthread_cond_init(&cond, NULL) == 0);
	pthread_detach(start(lock_twice, NULL));
	pthread_detach(start(wait_for_ever, NULL));
	sleep_ms(30);
	expect(pthread_mutex_init(&mutex, NULL) == 0 && pthread_cond_init(&cond, NULL) == 0);
	for (int i = 0; i < 5; i++) {
		tell_error(pthread_mutex_lock(&mutex));
		tell_error(pthread_mutex_unlock(&mutex));
		tell_error(pthread_cond_signal(&cond));
		sleep_ms(2);
	}
	printf("taken %d, woken %d\n", taken, woken);
	fflush(stdout);
	_exit(0);
}
