/*
 * On one CPU a thread that is created with a higher real-time priority runs before pthread_create returns, as its creator
 * does that has one itself; it bears its attributes from its first instruction, and hands them down.
 */
#include "check.h"

#include <sched.h>

static volatile int ran;

static void *note(void *arg)
{
	struct sched_param param;
	int policy, inherit;
	pthread_attr_t attr;

	ran = 1;
	pthread_getschedparam(pthread_self(), &policy, &param);
	expect(sched_getscheduler(0) == policy);
	expect(pthread_getattr_np(pthread_self(), &attr) == 0);
	pthread_attr_getinheritsched(&attr, &inherit);
	printf("%s: policy %d, priority %d, %s\n", (char *)arg, policy, param.sched_priority,
	    inherit == PTHREAD_EXPLICIT_SCHED ? "explicit" : "inherited");
	return NULL;
}

static int make(pthread_t *t, int policy, int priority, void *(*fn)(void *), void *arg)
{
	struct sched_param param = {priority};
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, policy);
	pthread_attr_setschedparam(&attr, &param);
	r = pthread_create(t, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return r;
}

static void *creates(void *arg)
{
	pthread_t higher, heir;

	(void)arg;
	for (int i = 0; i < 20; i++) {
		ran = 0;
		expect(make(&higher, SCHED_FIFO, 3, note, "higher") == 0);
		expect(ran);
		join(higher);
	}
	heir = start(note, "heir");
	join(heir);
	return NULL;
}

int main(void)
{
	cpu_set_t one;
	pthread_t t;

	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
		cpu_set_t mine;

		sched_getaffinity(0, sizeof mine, &mine);
		if (CPU_ISSET(cpu, &mine))
			CPU_SET(cpu, &one);
	}
	expect(sched_setaffinity(0, sizeof one, &one) == 0);
	if (make(&t, SCHED_RR, 2, creates, NULL) == EPERM) {
		printf("not permitted\n");
		return 0;
	}
	join(t);
	return 0;
}
