/* Threads that have used much of their stacks and ended leave no memory behind. */
#include "check.h"

#include <semaphore.h>

enum { THREADS = 300, DEEP = 1 << 20 };

static sem_t deep, end;

static __attribute__((noinline)) int use(void)
{
	volatile char some[DEEP];

	for (int i = 0; i < DEEP; i += 4096)
		some[i] = 1;
	return some[0];
}

static void *body(void *arg)
{
	expect(use() == 1);
	sem_post(&deep);
	sem_wait(&end);
	return arg;
}

static long resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident;

	expect(f && fscanf(f, "%ld %ld", &size, &resident) == 2);
	fclose(f);
	return resident / 256;
}

static void run(const char *how, size_t size)
{
	static pthread_t t[THREADS];
	pthread_attr_t attr;

	expect(pthread_attr_init(&attr) == 0);
	if (size)
		expect(pthread_attr_setstacksize(&attr, size) == 0);
	for (int i = 0; i < THREADS; i++)
		expect(pthread_create(&t[i], &attr, body, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&deep);
	printf("%s: while they live: %s\n", how, resident_mib() >= THREADS ? "all of it" : "less");
	for (int i = 0; i < THREADS; i++)
		sem_post(&end);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("%s: ended: %s\n", how, resident_mib() < THREADS / 2 ? "little" : "much");
}

int main(void)
{
	run("default", 0);
	run("2 MiB", 2 << 20);
	run("odd size", (2 << 20) + 16);
	return 0;
}
