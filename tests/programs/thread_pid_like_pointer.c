/*
 * Threads work whatever ids the kernel gives them, among them one that equals the upper half of an address: 32767, where
 * addresses are not random. In a namespace of its own the program sees to it that its first thread, its second one and so
 * on gets that; where it may not, they get what they get.
 */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/wait.h>

enum { ID = 32767, THREADS = 8, ROUNDS = 5 };

static void *sums(void *n)
{
	static pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

	pthread_mutex_lock(&m);
	expect(pthread_mutex_lock(&m) == EDEADLK);
	pthread_mutex_unlock(&m);
	pthread_exit((char *)n + 1);
}

static int threads(void)
{
	pthread_t t[THREADS];
	long sum = 0;

	alarm(10);
	for (int round = 0; round < ROUNDS; round++) {
		for (long i = 0; i < THREADS; i++)
			t[i] = start(sums, (void *)i);
		for (int i = 0; i < THREADS; i++)
			sum += (long)join(t[i]);
	}
	return sum == ROUNDS * THREADS * (THREADS + 1) / 2 ? 0 : 1;
}

/* What is started next has this id. */
static void set_next_id(int id)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "%d", id - 1);
	close(fd);
}

static int run(const char *self, int id)
{
	pid_t child;
	int status;

	set_next_id(id);
	child = fork();
	if (child == 0) {
		personality(ADDR_NO_RANDOMIZE);
		execl(self, self, "threads", NULL);
		_exit(127);
	}
	expect(waitpid(child, &status, 0) == child);
	return status;
}

static void first(const char *self)
{
	for (int before = 1; before < 6; before++)
		printf("status %d\n", run(self, ID - before));
	exit(0);
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return threads();
	(void)!unshare(CLONE_NEWPID);
	fflush(stdout);
	if (fork() == 0)
		first(argv[0]);
	wait(&status);
	return status != 0;
}
