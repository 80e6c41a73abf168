/*
 * Thread-specific values of slices (core/slice.h). glibc keeps a thread's first 32 in its control block: every slice has
 * that part for itself, as it has its thread-local variables. A branch begins with the trunk's values, since the program may
 * have put them there for it; but OpenSSL's are pointers to what it keeps for one thread (its error queue, which says how the
 * last call ended) and makes anew where it finds none: of those a branch begins with none, and they end with it.
 */
#include "fanout.h"

#include "../core/slice.h"
#include "interpose.h"
#include "thread.h"

#include <dlfcn.h>

enum { KEYS = 32, TCB = 4096 };

/* nptl/descr.h, struct pthread_key_data */
struct value {
	uintptr_t sequence;
	void *data;
};

static bool renewed[KEYS];
static struct value *block; /* main's */

void vv__fankeys_made(unsigned key, const void *maker)
{
	Dl_info info;

	if (key < KEYS)
		renewed[key] =
		    dladdr(maker, &info) && info.dli_fname && strstr(info.dli_fname, "/libcrypto.so");
}

/* Where the control block has a key's value, found by setting one. */
static struct value *find_block(void)
{
	static char mark;
	void **p = (void **)pthread_self(), **end = p + TCB / sizeof *p;
	struct value *found = NULL;
	pthread_key_t key;

	if (REAL(pthread_key_create)(&key, NULL))
		return NULL;
	if (key < KEYS && pthread_setspecific(key, &mark) == 0) {
		while (p < end && *p != &mark)
			p++;
		if (p < end)
			found = (struct value *)(p - 1) - key;
		pthread_setspecific(key, NULL);
	}
	REAL(pthread_key_delete)(key);
	return found;
}

void vv__fankeys_start(void)
{
	block = find_block();
	if (block)
		vv__slice_range(block, KEYS * sizeof *block);
}

void vv__fankeys_branch(void)
{
	for (unsigned key = 0; block && key < KEYS; key++)
		if (renewed[key])
			block[key].data = NULL;
}

static bool destroy_once(void)
{
	bool any = false;

	for (unsigned key = 0; key < KEYS; key++) {
		void (*destroy)(void *) = vv__key_destructor(key);
		void *value = block[key].data;

		if (!renewed[key] || !destroy || !value)
			continue;
		any = true;
		block[key].data = NULL;
		destroy(value);
	}
	return any;
}

void vv__fankeys_end(void)
{
	for (int round = 0; block && round < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_once(); round++)
		;
}

/* g is another slice, which does not run. */
void vv__fankeys_drop(struct vv_greenlet *g)
{
	struct value mine[KEYS];
	void *its = block ? vv__slice_saved(g, block) : NULL;

	if (!its)
		return;
	memcpy(mine, block, sizeof mine);
	memcpy(block, its, sizeof mine);
	vv__fankeys_end();
	memcpy(block, mine, sizeof mine);
}
