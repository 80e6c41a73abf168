/* A program that has used up all the memory it may have goes on: its threads still wait for descriptors and for time. */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { THREADS = 6, PIPES = 200 };

static int pipes[PIPES][2];
static pthread_barrier_t ready, full;

static void *reads(void *number)
{
	char c;

	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&full);
	for (int i = (long)number; i < PIPES; i += THREADS) {
		sleep_ms(1);
		expect(read(pipes[i][0], &c, 1) == 1);
	}
	return NULL;
}

static void use_up(void)
{
	struct rlimit limit = {1ul << 28, 1ul << 28};

	expect(setrlimit(RLIMIT_AS, &limit) == 0);
	for (size_t size = 1ul << 28; size >= 4096; size /= 2)
		while (mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
			;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < PIPES; i++)
		expect(pipe(pipes[i]) == 0);
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	pthread_barrier_init(&full, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(reads, (void *)i);
	pthread_barrier_wait(&ready);
	use_up();
	pthread_barrier_wait(&full);
	for (int i = 0; i < PIPES; i++) {
		if (i % 10 == 0)
			sleep_ms(1);
		expect(write(pipes[i][1], "x", 1) == 1);
	}
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("ok");
	return 0;
}
