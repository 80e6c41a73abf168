/*
 * What main gives itself alone when there are threads (a nice value, CPUs) other processes see under the process's own id,
 * and the other threads do not have it. Main sleeps, locks, forks and ends beside them as before.
 */
#include "check.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct turn turn = TURN;
static int shared;

static void *works(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&lock);
		shared++;
		if (i % 50 == 0)
			usleep(500);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *asks(void *arg)
{
	cpu_set_t cpus;

	turn_wait(&turn, 1);
	printf("a thread: nice %d, ", getpriority(PRIO_PROCESS, 0));
	printf("as many CPUs as before: %d\n",
	    sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == *(int *)arg);
	join(start(works, NULL));
	turn_set(&turn, 2);
	return arg;
}

/* What another process sees. */
static void look(const char *what)
{
	cpu_set_t cpus;
	int status;

	fflush(stdout);
	if (fork() == 0) {
		sched_getaffinity(getppid(), sizeof cpus, &cpus);
		printf("%s: nice %d, CPUs %d\n", what, getpriority(PRIO_PROCESS, getppid()), CPU_COUNT(&cpus));
		fflush(stdout);
		_exit(0);
	}
	expect(wait(&status) > 0 && status == 0);
}

static void *last(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	join(start(works, NULL));
	printf("after main: %d\n", shared);
	exit(0);
}

int main(void)
{
	static pthread_t self;
	cpu_set_t cpus, one;
	pthread_t t[3];
	int n, cpu = 0;

	sched_getaffinity(0, sizeof cpus, &cpus);
	n = CPU_COUNT(&cpus);
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	t[0] = start(works, NULL);
	t[1] = start(asks, &n);
	tell(setpriority(PRIO_PROCESS, 0, 3));
	look("once nice");
	tell(sched_setaffinity(0, sizeof one, &one));
	look("on one CPU");
	tell(nice(2));
	works(NULL);
	turn_set(&turn, 1);
	turn_wait(&turn, 2);
	t[2] = start(works, NULL);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	look("at last");
	self = pthread_self();
	start(last, &self);
	pthread_exit(NULL);
}
