/* A bit of everything that a trace shows: ping-pong through a pipe, a lock fought for, sleeps, yields, file locks (hops), a
 * thread that computes (hand-overs), threads that come and go. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int turns, to[2], back[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char name[] = "/tmp/vervet-see-XXXXXX";

static void *echo(void *unused)
{
	char c;

	for (int i = 0; i < turns; i++)
		if (read(to[0], &c, 1) != 1 || write(back[1], &c, 1) != 1)
			return "echo";
	return NULL;
}

static void *ask(void *unused)
{
	char c = 'x';

	for (int i = 0; i < turns; i++)
		if (write(to[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			return "ask";
	return NULL;
}

static void *fight(void *unused)
{
	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&lock);
		usleep(200);
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
	return NULL;
}

static void *lock_file(void *unused)
{
	int fd = open(name, O_RDONLY);

	for (int i = 0; i < 10; i++) {
		flock(fd, LOCK_EX);
		usleep(500);
		flock(fd, LOCK_UN);
	}
	close(fd);
	return NULL;
}

static void *compute(void *unused)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do
		clock_gettime(CLOCK_MONOTONIC, &b);
	while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 100);
	return NULL;
}

int main(int argc, char **argv)
{
	void *(*const functions[])(void *) = {echo, ask, fight, fight, fight, lock_file, lock_file, compute};
	enum { N = sizeof(functions) / sizeof(*functions) };
	pthread_t t[N];
	void *failed = NULL, *result;

	turns = argc > 1 ? atoi(argv[1]) : 200;
	if (pipe(to) || pipe(back))
		return 1;
	close(mkstemp(name));
	for (int i = 0; i < N; i++)
		pthread_create(&t[i], NULL, functions[i], NULL);
	for (int i = 0; i < N; i++) {
		pthread_join(t[i], &result);
		failed = result ? result : failed;
	}
	unlink(name);
	puts(failed ? failed : "done");
	return failed != NULL;
}
