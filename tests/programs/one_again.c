/* A process whose threads have ended has one kernel thread again, and threads that come later run side by side: one that
 * spins does not keep the other from what it spins for. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int spins, done;

static void *nothing(void *arg)
{
	return arg;
}

static void *spin(void *arg)
{
	for (spins = 1; !done;)
		;
	return arg;
}

static void *end_it(void *arg)
{
	while (!spins)
		;
	done = 1;
	return arg;
}

static int kernel_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void await_one(void)
{
	struct timespec ms = {0, 1000000};
	int n, looks = 0;

	while ((n = kernel_threads()) > 1 && looks++ < 5000)
		nanosleep(&ms, NULL);
	printf("%d kernel thread(s)\n", n);
}

int main(void)
{
	pthread_t t, u;

	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, nothing, NULL);
		pthread_join(t, NULL);
		await_one();
	}
	pthread_create(&t, NULL, spin, NULL);
	pthread_create(&u, NULL, end_it, NULL);
	pthread_join(t, NULL);
	pthread_join(u, NULL);
	puts("side by side");
	return 0;
}
