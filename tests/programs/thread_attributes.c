/*
 * Attributes: as asked for, as reported by the attribute object and by pthread_getattr_np inside the thread. A stack
 * of the program's own is really the one that is used.
 */
#include "check.h"

#include <limits.h>
#include <sched.h>
#include <sys/mman.h>

struct asked {
	const char *what;
	size_t size, guard;
};

static void report(const struct asked *asked)
{
	pthread_attr_t attr;
	struct sched_param param;
	size_t size, guard;
	void *low;
	int detached, scope, policy, inherit;
	char here;

	expect(pthread_getattr_np(pthread_self(), &attr) == 0);
	expect(pthread_attr_getstack(&attr, &low, &size) == 0);
	expect(pthread_attr_getguardsize(&attr, &guard) == 0);
	expect(pthread_attr_getdetachstate(&attr, &detached) == 0);
	expect(pthread_attr_getscope(&attr, &scope) == 0);
	expect(pthread_attr_getschedpolicy(&attr, &policy) == 0);
	expect(pthread_attr_getinheritsched(&attr, &inherit) == 0);
	expect(pthread_attr_getschedparam(&attr, &param) == 0);
	expect(&here > (char *)low && &here < (char *)low + size);
	expect(size >= asked->size); /* libc may give a bigger cached stack */
	expect(guard == asked->guard);
	printf("%s: detached %d scope %d policy %d inherit %d priority %d\n", asked->what, detached, scope,
	    policy, inherit, param.sched_priority);
	expect(pthread_attr_destroy(&attr) == 0);
}

static void *body(void *arg)
{
	report(arg);
	sched_yield();
	return NULL;
}

static void *on_given_stack(void *arg)
{
	char here;

	expect(&here > (char *)arg && &here < (char *)arg + 256 * 1024);
	report(&(struct asked){"own stack", 256 * 1024, 0});
	return NULL;
}

int main(void)
{
	pthread_attr_t attr, def;
	pthread_t t;
	void *stack, *low;
	size_t size;
	int detached;

	expect(pthread_getattr_default_np(&def) == 0);
	expect(pthread_attr_getstacksize(&def, &size) == 0);
	join(start(body, &(struct asked){"default", size, 4096}));
	expect(pthread_attr_init(&attr) == 0);
	expect(pthread_attr_setstacksize(&attr, 96 * 1024) == 0);
	expect(pthread_create(&t, &attr, body, &(struct asked){"96 KiB", 96 * 1024, 4096}) == 0);
	join(t);
	expect(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN) == 0);
	expect(pthread_attr_setguardsize(&attr, 0) == 0);
	expect(pthread_create(&t, &attr, body, &(struct asked){"smallest, no guard", PTHREAD_STACK_MIN, 0}) ==
	       0);
	join(t);
	expect(pthread_attr_setstacksize(&attr, 2 << 20) == 0);
	expect(pthread_attr_setguardsize(&attr, 64 * 1024) == 0);
	expect(pthread_create(&t, &attr, body, &(struct asked){"2 MiB, big guard", 2 << 20, 65536}) == 0);
	join(t);
	tell_error(pthread_attr_setstacksize(&attr, 100));
	tell_error(pthread_attr_setdetachstate(&attr, 17));

	stack = mmap(NULL, 256 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(stack != MAP_FAILED);
	expect(pthread_attr_init(&attr) == 0);
	expect(pthread_attr_setstack(&attr, stack, 256 * 1024) == 0);
	for (int i = 0; i < 3; i++) {
		expect(pthread_create(&t, &attr, on_given_stack, stack) == 0);
		join(t);
	}
	expect(munmap(stack, 256 * 1024) == 0);
	expect(pthread_attr_getstack(&attr, &low, &size) == 0 && low == stack && size == 256 * 1024);

	expect(pthread_attr_getstacksize(&def, &size) == 0);
	expect(pthread_attr_setstacksize(&def, size / 2) == 0);
	expect(pthread_setattr_default_np(&def) == 0);
	join(start(body, &(struct asked){"new default", size / 2, 4096}));

	expect(pthread_attr_init(&attr) == 0);
	expect(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
	expect(pthread_attr_getdetachstate(&attr, &detached) == 0);
	printf("detached asked for: %d\n", detached == PTHREAD_CREATE_DETACHED);
	return 0;
}
