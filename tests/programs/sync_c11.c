/*
 * C11 threads: results of threads, of mutexes (plain, timed, recursive), of conditions, once and thread-specific storage.
 */
#include "check.h"

#include <stdatomic.h>
#include <threads.h>

static mtx_t m;
static cnd_t c;
static tss_t key;
static once_flag flag = ONCE_FLAG_INIT;
static int ready, turns;
static atomic_int destroyed, ran;

static const char *name(int r)
{
	switch (r) {
	case thrd_success:
		return "success";
	case thrd_timedout:
		return "timedout";
	case thrd_busy:
		return "busy";
	case thrd_nomem:
		return "nomem";
	default:
		return r == thrd_error ? "error" : "?";
	}
}

#define say(call) printf("%s: %s\n", #call, name(call))

static struct timespec soon(void)
{
	return clock_in(CLOCK_REALTIME, 20);
}

static int contends(void *arg)
{
	struct timespec ts = soon();

	(void)arg;
	say(mtx_trylock(&m));
	say(mtx_timedlock(&m, &ts));
	return -7;
}

static int silent(void *arg)
{
	(void)arg;
	return 0;
}

static void run_once(void)
{
	thrd_yield();
	ran++;
}

static void destroy(void *value)
{
	destroyed += *(int *)value;
}

static int waits(void *arg)
{
	static int one = 1;

	call_once(&flag, run_once);
	expect(ran == 1);
	expect(tss_set(key, &one) == thrd_success && tss_get(key) == &one);
	mtx_lock(&m);
	ready++;
	cnd_broadcast(&c);
	while (turns == 0)
		cnd_wait(&c, &m);
	turns--;
	cnd_signal(&c);
	mtx_unlock(&m);
	thrd_exit(*(int *)arg);
}

static void conditions(void)
{
	static int numbers[5] = {10, 11, 12, 13, -14};
	struct timespec ts = soon();
	thrd_t t[5];
	int result;

	mtx_lock(&m);
	say(cnd_timedwait(&c, &m, &ts));
	mtx_unlock(&m);
	for (int i = 0; i < 5; i++)
		say(thrd_create(&t[i], waits, &numbers[i]));
	mtx_lock(&m);
	while (ready < 5)
		cnd_wait(&c, &m);
	turns = 5;
	cnd_broadcast(&c);
	mtx_unlock(&m);
	for (int i = 0; i < 5; i++) {
		say(thrd_join(t[i], &result));
		printf("%d\n", result);
	}
	printf("destroyed %d\n", destroyed);
}

int main(void)
{
	thrd_t t;
	int result;

	say(tss_create(&key, destroy));
	say(cnd_init(&c));
	for (int type = mtx_plain; type <= (mtx_timed | mtx_recursive); type++) {
		printf("type %d\n", type);
		say(mtx_init(&m, type));
		say(mtx_lock(&m));
		say(mtx_trylock(&m));
		int created = thrd_create(&t, contends, NULL); /* said when the thread has said its own */
		say(thrd_join(t, &result));
		say(created);
		printf("%d\n", result);
		while (mtx_unlock(&m) == thrd_success && type & mtx_recursive)
			;
		mtx_destroy(&m);
	}
	mtx_init(&m, mtx_timed);
	conditions();
	say(thrd_create(&t, silent, NULL));
	say(thrd_detach(t));
	tss_delete(key);
	cnd_destroy(&c);
	thrd_sleep(&(struct timespec){0, 50000000}, NULL);
	return 0;
}
