/*
 * A priority-inheriting mutex that processes share, locked by main before it has any thread, and unlocked when it has had
 * some and has been moved about by them, while another process waits for it.
 */
#include "check.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/wait.h>

static volatile int end;

static void *yields(void *arg)
{
	(void)arg;
	while (!end)
		sched_yield();
	return NULL;
}

static bool on_first_thread(void)
{
	char path[64], usual[64];
	ssize_t n = readlink("/proc/thread-self", path, sizeof path - 1);

	path[n > 0 ? n : 0] = 0;
	snprintf(usual, sizeof usual, "%d/task/%d", getpid(), getpid());
	return strcmp(path, usual) == 0;
}

static void with(int robust)
{
	pthread_mutex_t *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t attr;
	pthread_t t[2];
	int status;
	pid_t pid;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&attr, robust);
	expect(pthread_mutex_init(m, &attr) == 0);
	expect(pthread_mutex_lock(m) == 0);
	pid = fork();
	if (pid == 0) {
		alarm(10);
		expect(pthread_mutex_lock(m) == 0);
		_exit(pthread_mutex_unlock(m));
	}
	end = 0;
	for (int i = 0; i < 2; i++)
		t[i] = start(yields, NULL);
	while (!(*(volatile int *)&m->__data.__lock & FUTEX_WAITERS))
		sleep_ms(1);
	for (int i = 0; i < 40 && on_first_thread(); i++) {
		compute(5);
		sched_yield();
	}
	expect(pthread_mutex_unlock(m) == 0);
	expect(waitpid(pid, &status, 0) == pid);
	printf("other process: %d\n", status);
	expect(pthread_mutex_lock(m) == 0 && pthread_mutex_unlock(m) == 0);
	end = 1;
	for (int i = 0; i < 2; i++)
		join(t[i]);
}

int main(void)
{
	pid_t pid = fork(); /* each before its first thread */
	int status;

	if (pid == 0) {
		with(PTHREAD_MUTEX_STALLED);
		return 0;
	}
	waitpid(pid, &status, 0);
	expect(status == 0);
	with(PTHREAD_MUTEX_ROBUST);
	return 0;
}
