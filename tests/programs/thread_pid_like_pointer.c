/*
 * Threads work whatever ids the kernel gives them, among them one that equals the upper half of an address: 32767, where
 * addresses are not random. In a namespace of its own the program sees to it that its first thread, its second one and so
 * on gets that; where it may not, they get what they get.
 */
#include "check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/personality.h>

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

static void begin_anew(void *self)
{
	personality(ADDR_NO_RANDOMIZE);
	execl(self, self, "threads", NULL);
	_exit(127);
}

static void first(void *self)
{
	for (int before = 1; before < 6; before++) {
		set_next_id(ID - before);
		printf("status %d\n", in_child(begin_anew, self));
	}
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return threads();
	(void)!unshare(CLONE_NEWPID);
	return in_child(first, argv[0]) != 0;
}
