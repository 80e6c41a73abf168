/*
 * A signal handler during a wait for a lock: semaphores and futexes end with EINTR as SA_RESTART and their time-out say, all
 * others go on, and a lock that was given back while the handler outlasted the time-out is taken, before that or after.
 */
#include "check.h"

#include <linux/futex.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static sem_t sem;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static _Atomic int word, ready, handled, slow, given;
enum { SLOW = 1, SLOWER };

static void on_signal(int signal)
{
	(void)signal;
	handled++;
	if (slow == SLOW)
		sleep_ms(450);
	while (slow && !given)
		sleep_ms(1);
}

static const char *result(int r)
{
	return r == -1 ? errno_name(errno) : "ends";
}

static void *waits_for_token(void *timed)
{
	struct timespec late = clock_in(CLOCK_REALTIME, 10000);

	ready = 1;
	return (void *)result(timed ? sem_timedwait(&sem, &late) : sem_wait(&sem));
}

static void *waits_for_word(void *timed)
{
	struct timespec late = {10, 0};

	ready = 1;
	return (void *)result(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, timed ? &late : NULL));
}

static void *waits_for_mutex(void *timed)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, timed ? 300 : 10000);

	ready = 1;
	int r = pthread_mutex_timedlock(&m, &soon);
	if (r == 0)
		pthread_mutex_unlock(&m);
	return (void *)errno_name(r);
}

static void *waits_for_rwlock(void *timed)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, timed ? 300 : 10000);

	ready = 1;
	int r = pthread_rwlock_timedwrlock(&rw, &soon);
	if (r == 0)
		pthread_rwlock_unlock(&rw);
	return (void *)errno_name(r);
}

static void *waits_for_cond(void *timed)
{
	struct timespec soon = clock_in(CLOCK_REALTIME, timed ? 300 : 10000);

	pthread_mutex_lock(&m);
	ready = 1;
	int r = 0;
	while (!word && r == 0)
		r = pthread_cond_timedwait(&c, &m, &soon);
	pthread_mutex_unlock(&m);
	return (void *)errno_name(r);
}

static void *waits_at_barrier(void *timed)
{
	(void)timed;
	ready = 1;
	pthread_barrier_wait(&barrier);
	return (void *)"ends";
}

static void give_all(void)
{
	sem_post(&sem);
	word = 1;
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
	pthread_mutex_unlock(&m);
	pthread_rwlock_unlock(&rw);
	pthread_mutex_lock(&m);
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
}

static void interrupt(const char *what, void *(*waits)(void *), bool timed, int flags)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(SIGUSR1, &sa, NULL);
	sem_init(&sem, 0, 0);
	word = ready = handled = given = 0;
	if (waits != waits_for_cond)
		pthread_mutex_lock(&m);
	pthread_rwlock_wrlock(&rw);
	pthread_t t = start(waits, (void *)(long)timed);
	while (!ready)
		sched_yield();
	if (waits == waits_for_cond) { /* it gives the mutex back by waiting */
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
	}
	let_block();
	expect(pthread_kill(t, SIGUSR1) == 0);
	while (!handled)
		sched_yield();
	let_block();
	if (waits == waits_for_cond)
		pthread_mutex_lock(&m);
	if (slow == SLOWER)
		sleep_ms(350);
	give_all();
	given = 1;
	if (waits == waits_at_barrier)
		pthread_barrier_wait(&barrier);
	printf("%s%s%s%s: %s\n", what, timed ? ", timed" : "", flags ? ", restarting" : "",
	    slow == SLOW ? ", slow handler"
	    : slow	 ? ", slower handler"
			 : "",
	    (const char *)join(t));
}

int main(void)
{
	pthread_barrier_init(&barrier, NULL, 2);
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		for (int timed = 0; timed < 2; timed++) {
			interrupt("semaphore", waits_for_token, timed, flags);
			interrupt("futex", waits_for_word, timed, flags);
		}
		interrupt("mutex", waits_for_mutex, false, flags);
		interrupt("rwlock", waits_for_rwlock, false, flags);
		interrupt("condition", waits_for_cond, false, flags);
		interrupt("barrier", waits_at_barrier, false, flags);
	}
	slow = SLOW;
	interrupt("mutex", waits_for_mutex, true, SA_RESTART);
	interrupt("rwlock", waits_for_rwlock, true, SA_RESTART);
	interrupt("condition", waits_for_cond, true, SA_RESTART);
	slow = SLOWER;
	interrupt("mutex", waits_for_mutex, true, SA_RESTART);
	interrupt("rwlock", waits_for_rwlock, true, SA_RESTART);
	return 0;
}
