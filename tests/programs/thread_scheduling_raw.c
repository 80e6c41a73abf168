/* Scheduling attributes by syscall(): a thread has its own, starts with its creator's, and may be named by its id. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static sem_t ready, leave;
static int id;

static void show(const char *who, int tid)
{
	struct attributes a = {0};
	long r = syscall(SYS_sched_getattr, tid, &a, sizeof a, 0);

	printf("%s: getattr %ld, size %u, policy %u, nice %d, priority %u; policy %ld, nice %ld, io %ld\n",
	    who, r, a.size, a.policy, a.nice, a.priority, syscall(SYS_sched_getscheduler, tid),
	    20 - syscall(SYS_getpriority, PRIO_PROCESS, tid), syscall(SYS_ioprio_get, 1, tid));
}

static int set(int tid, int policy, int nice)
{
	struct attributes a = {.size = sizeof a, .policy = policy, .nice = nice};

	return syscall(SYS_sched_setattr, tid, &a, 0) ? errno : 0;
}

/* What GLib's thread pools do. */
static void *as_before(void *before)
{
	id = gettid();
	printf("again: %ld\n", syscall(SYS_sched_setattr, gettid(), before, 0));
	show("thread", id);
	sem_post(&ready);
	sem_wait(&leave);
	show("thread, later", 0);
	return NULL;
}

static void *own(void *unused)
{
	(void)unused;
	unsigned long cpus[16] = {0};
	struct sched_param param = {0};

	printf("batch: %d\n", set(0, SCHED_BATCH, 3));
	show("own", 0);
	printf("setscheduler: %ld\n", syscall(SYS_sched_setscheduler, gettid(), SCHED_IDLE, &param));
	printf("ioprio_set: %ld\n", syscall(SYS_ioprio_set, 1, gettid(), 2 << 13 | 5));
	show("own", gettid());
	printf("cpus: %d\n", syscall(SYS_sched_getaffinity, gettid(), sizeof cpus, cpus) > 0 && cpus[0] & 1);
	printf("setaffinity: %ld\n", syscall(SYS_sched_setaffinity, gettid(), sizeof cpus, cpus));
	return NULL;
}

int main(void)
{
	struct attributes before = {0};
	pthread_t t;

	sem_init(&ready, 0, 0);
	sem_init(&leave, 0, 0);
	syscall(SYS_sched_getattr, gettid(), &before, sizeof before, 0);
	pthread_create(&t, NULL, as_before, &before);
	sem_wait(&ready);
	printf("the other's: %d\n", set(id, SCHED_BATCH, 2));
	sem_post(&leave);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, own, NULL);
	pthread_join(t, NULL);
	show("main", 0);
	printf("invalid: %d %d\n", set(0, 77, 0), set(0, SCHED_FIFO, 0));
	printf("no such thread: %d\n", set(1 << 23, SCHED_BATCH, 0));
	return 0;
}
