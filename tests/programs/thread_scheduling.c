/*
 * Affinity, policy, nice value and names of threads, asked for and set by themselves, by others and at creation: what was
 * set is what is told, each thread has its own, errors are the kernel's, and a thread on one CPU runs there.
 */
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct turn turn = TURN;
static int step, first_cpu;

static cpu_set_t one_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

static int count(pthread_t t)
{
	cpu_set_t set;

	expect(pthread_getaffinity_np(t, sizeof set, &set) == 0);
	return CPU_COUNT(&set);
}

static void *waits(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	return arg;
}

static void *runs_there(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	for (int i = 0; i < 1000; i++) {
		expect(sched_getcpu() == first_cpu);
		if (i % 100 == 0)
			usleep(100);
	}
	expect(count(pthread_self()) == 1);
	return arg;
}

static void *pins_itself(void *arg)
{
	cpu_set_t set = one_cpu(first_cpu);

	expect(sched_setaffinity(0, sizeof set, &set) == 0);
	return runs_there(arg);
}

static void affinity(void)
{
	cpu_set_t set, none, before;
	pthread_attr_t attr;
	pthread_t t;
	int all;

	expect(sched_getaffinity(0, sizeof before, &before) == 0);
	for (first_cpu = 0; !CPU_ISSET(first_cpu, &before); first_cpu++)
		;
	all = CPU_COUNT(&before);
	CPU_ZERO(&none);
	set = one_cpu(first_cpu);

	t = start(runs_there, (void *)(long)++step);
	expect(count(t) == all);
	tell_error(pthread_setaffinity_np(t, sizeof none, &none));
	tell_error(pthread_setaffinity_np(t, sizeof set, &set));
	expect(count(t) == 1 && count(pthread_self()) == all);
	turn_set(&turn, step);
	join(t);

	t = start(pins_itself, (void *)(long)++step);
	turn_set(&turn, step);
	join(t);
	expect(count(pthread_self()) == all);

	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof set, &set);
	expect(pthread_create(&t, &attr, runs_there, (void *)(long)++step) == 0);
	expect(count(t) == 1);
	turn_set(&turn, step);
	join(t);
	expect(count(pthread_self()) == all);
	tell(sched_setaffinity(0, sizeof none, &none));
}

static void policy(void)
{
	struct sched_param param = {0};
	int policy = 99;
	pthread_t t = start(waits, (void *)(long)++step);

	tell_error(pthread_getschedparam(t, &policy, &param));
	printf("policy %d, priority %d\n", policy, param.sched_priority);
	tell_error(pthread_setschedparam(t, SCHED_OTHER, &param));
	param.sched_priority = 5;
	tell_error(pthread_setschedparam(t, SCHED_OTHER, &param));
	param.sched_priority = 0;
	tell_error(pthread_setschedparam(t, SCHED_FIFO, &param));
	tell_error(pthread_setschedparam(t, 77, &param));
	tell_error(pthread_setschedparam(t, SCHED_BATCH, &param));
	tell_error(pthread_getschedparam(t, &policy, &param));
	printf("policy %d\n", policy);
	tell(sched_getscheduler(0));
	tell_error(pthread_setschedprio(t, 0));
	turn_set(&turn, step);
	join(t);
}

static void *nicer(void *arg)
{
	tell(setpriority(PRIO_PROCESS, 0, 5));
	tell(getpriority(PRIO_PROCESS, 0));
	tell(getpriority(PRIO_PROCESS, gettid()));
	tell(nice(2));
	tell(getpriority(PRIO_PROCESS, 0));
	return arg;
}

static void names(void)
{
	char name[16], other[16];
	pthread_t t = start(waits, (void *)(long)++step);

	expect(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
	expect(pthread_getname_np(t, other, sizeof other) == 0 && !strcmp(name, other));
	tell_error(pthread_setname_np(t, "fifteen letters"));
	tell_error(pthread_setname_np(t, "sixteen letters!"));
	tell_error(pthread_getname_np(t, other, 15));
	tell_error(pthread_getname_np(t, other, 16));
	printf("name %s\n", other);
	tell(prctl(PR_SET_NAME, "main's name"));
	expect(prctl(PR_GET_NAME, name) == 0);
	printf("name %s\n", name);
	pthread_getname_np(t, other, 16);
	printf("name %s\n", other);
	turn_set(&turn, step);
	join(t);
}

int main(void)
{
	clockid_t clock;
	struct timespec ts;
	pthread_t t;

	affinity();
	policy();
	tell(getpriority(PRIO_PROCESS, 0));
	join(start(nicer, NULL));
	tell(getpriority(PRIO_PROCESS, 0));
	names();
	t = start(waits, (void *)(long)++step);
	tell_error(pthread_getcpuclockid(t, &clock));
	tell(clock_gettime(clock, &ts));
	turn_set(&turn, step);
	join(t);
	return 0;
}
