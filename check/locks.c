/*
 * Counts the locks that each connection holds, for --fan-out=check: thread-local variables are each connection's own. What is
 * written under a lock is meant to be shared. The calls themselves are libvervet's.
 */
#include <dlfcn.h>
#include <pthread.h>

#define EXPORT __attribute__((visibility("default")))

static __thread int held __attribute__((tls_model("initial-exec")));

int vv_check_locks(void)
{
	return held;
}

/* Counts by `step` if the real call succeeds. */
#define COUNTED(name, type, step)                                                                            \
	EXPORT int name(type *lock)                                                                          \
	{                                                                                                    \
		static int (*real)(type *);                                                                  \
		int r;                                                                                       \
                                                                                                             \
		if (!real)                                                                                   \
			real = (int (*)(type *))dlsym(RTLD_NEXT, #name);                                     \
		r = real(lock);                                                                              \
		held += r == 0 ? step : 0;                                                                   \
		return r;                                                                                    \
	}

COUNTED(pthread_mutex_lock, pthread_mutex_t, 1)
COUNTED(pthread_mutex_trylock, pthread_mutex_t, 1)
COUNTED(pthread_mutex_unlock, pthread_mutex_t, -1)
COUNTED(pthread_rwlock_rdlock, pthread_rwlock_t, 1)
COUNTED(pthread_rwlock_tryrdlock, pthread_rwlock_t, 1)
COUNTED(pthread_rwlock_wrlock, pthread_rwlock_t, 1)
COUNTED(pthread_rwlock_trywrlock, pthread_rwlock_t, 1)
COUNTED(pthread_rwlock_unlock, pthread_rwlock_t, -1)
