/*
 * C11 threads: the POSIX functions under other names and with other answers. libc's own go past the dynamic linker, so
 * each is here.
 */
#include "sync.h"

static int answer(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

static pthread_mutex_t *mutex(mtx_t *m)
{
	return (pthread_mutex_t *)m;
}

static pthread_cond_t *cond(cnd_t *c)
{
	return (pthread_cond_t *)c;
}

/* ---- threads ---- */

VV_EXPORT int thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
	return answer(pthread_create(t, NULL, (void *(*)(void *))(void (*)(void))fn, arg));
}

VV_EXPORT int thrd_join(thrd_t t, int *result)
{
	void *value = NULL;
	int r = pthread_join(t, &value);

	if (result)
		*result = (int)(uintptr_t)value;
	return answer(r);
}

VV_EXPORT int thrd_detach(thrd_t t)
{
	return answer(pthread_detach(t));
}

VV_EXPORT void thrd_exit(int result)
{
	pthread_exit((void *)(uintptr_t)result);
}

VV_EXPORT void thrd_yield(void)
{
	sched_yield();
}

/* ---- mutexes ---- */

VV_EXPORT int mtx_lock(mtx_t *m)
{
	return answer(pthread_mutex_lock(mutex(m)));
}

VV_EXPORT int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict ts)
{
	return answer(pthread_mutex_timedlock(mutex(m), ts));
}

VV_EXPORT int mtx_trylock(mtx_t *m)
{
	return answer(pthread_mutex_trylock(mutex(m)));
}

VV_EXPORT int mtx_unlock(mtx_t *m)
{
	return answer(pthread_mutex_unlock(mutex(m)));
}

/* ---- conditions ---- */

VV_EXPORT int cnd_wait(cnd_t *c, mtx_t *m)
{
	return answer(pthread_cond_wait(cond(c), mutex(m)));
}

VV_EXPORT int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict ts)
{
	return answer(pthread_cond_timedwait(cond(c), mutex(m), ts));
}

VV_EXPORT int cnd_signal(cnd_t *c)
{
	return answer(pthread_cond_signal(cond(c)));
}

VV_EXPORT int cnd_broadcast(cnd_t *c)
{
	return answer(pthread_cond_broadcast(cond(c)));
}

/* ---- once, thread-specific data ---- */

VV_EXPORT void call_once(once_flag *flag, void (*fn)(void))
{
	pthread_once((pthread_once_t *)flag, fn);
}

VV_EXPORT int tss_create(tss_t *key, tss_dtor_t destroy)
{
	return answer(pthread_key_create(key, destroy));
}

VV_EXPORT void tss_delete(tss_t key)
{
	pthread_key_delete(key);
}
