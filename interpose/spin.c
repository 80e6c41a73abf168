/*
 * Spin locks. The holder may be a greenlet that waits for the hub, so a spinner gives way after a few attempts.
 */
#include "sync.h"

enum { ATTEMPTS = 40 };

static int spin(pthread_spinlock_t *lock)
{
	for (;;) {
		for (int i = 0; i < ATTEMPTS; i++)
			if (pthread_spin_trylock(lock) == 0)
				return 0;
		vv__yield();
	}
}

VV_EXPORT int pthread_spin_lock(pthread_spinlock_t *lock)
{
	struct vv_greenlet *g = vv__me();

	if (vv__likely(pthread_spin_trylock(lock) == 0))
		return 0;
	return vv__step_aside(g, sync) ? REAL(pthread_spin_lock)(lock) : spin(lock);
}
