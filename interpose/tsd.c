/*
 * Thread-specific data. Values live in the thread control block and move with it, so setting and getting are libc's.
 * What libc does at the end of a kernel thread, we do at the end of a greenlet: hence the record of destructors.
 */
#include "fanout.h"
#include "sync.h"
#include "thread.h"

#include <limits.h>

typedef void (*destructor)(void *);

static destructor destructors[PTHREAD_KEYS_MAX];
static unsigned keys; /* no key that was ever made is this large */

static void note_key(unsigned key)
{
	unsigned n = __atomic_load_n(&keys, __ATOMIC_RELAXED);

	while (n <= key &&
	       !__atomic_compare_exchange_n(&keys, &n, key + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

/* The key is not yet known to anybody who could set a value. */
VV_EXPORT int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	pthread_key_t ours;
	int r;

	vv__real_need();
	r = REAL(pthread_key_create)(key, destroy);
	if (r == EAGAIN && vv__give_up_key(&ours)) {
		REAL(pthread_key_delete)(ours);
		r = REAL(pthread_key_create)(key, destroy);
	}
	if (r == 0) {
		__atomic_store_n(&destructors[*key], destroy, __ATOMIC_RELEASE);
		note_key(*key);
		if (vv__fanout_on())
			vv__fankeys_made(*key, __builtin_return_address(0));
	}
	return r;
}
VV_ALIAS(__pthread_key_create, pthread_key_create);

VV_EXPORT int pthread_key_delete(pthread_key_t key)
{
	vv__real_need();
	if (key < PTHREAD_KEYS_MAX)
		__atomic_store_n(&destructors[key], NULL, __ATOMIC_RELEASE);
	return REAL(pthread_key_delete)(key);
}

void (*vv__key_destructor(unsigned key))(void *)
{
	return __atomic_load_n(&destructors[key], __ATOMIC_ACQUIRE);
}

/* One round over all values; libc gives null for a key that has been deleted since. Returns whether there were any. */
static bool destroy_all(bool call)
{
	unsigned n = __atomic_load_n(&keys, __ATOMIC_ACQUIRE);
	destructor destroy;
	bool any = false;
	void *value;

	for (pthread_key_t key = 0; key < n; key++) {
		value = pthread_getspecific(key);
		if (!value)
			continue;
		any = true;
		pthread_setspecific(key, NULL);
		destroy = __atomic_load_n(&destructors[key], __ATOMIC_ACQUIRE);
		if (call && destroy)
			destroy(value);
	}
	return any;
}

void vv__run_key_destructors(struct vv_greenlet *g)
{
	for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; round++)
		if (!destroy_all(true))
			return;
	vv__forget_keys();
}

void vv__forget_keys(void)
{
	destroy_all(false);
}
