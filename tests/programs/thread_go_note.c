/* A program with the note of Go's linker: its threads are kernel threads, with ids and signal stacks that stay theirs. */
#include "check.h"

#include <sys/syscall.h>
#include <unistd.h>

__attribute__((used, section(".note.go.buildid"), aligned(4))) static const struct {
	unsigned owner_size, size, type;
	char owner[4], id[4];
} note = {4, 4, 4, "Go", "id"};

enum { THREADS = 4 };

static pthread_barrier_t all;
static long ids[THREADS];

/* Past libc, as Go's runtime asks. */
static long kernel_id(void)
{
#ifdef __x86_64__
	long id = SYS_gettid;

	__asm__ volatile("syscall" : "+a"(id) : : "rcx", "r11", "memory");
	return id;
#else
	return syscall(SYS_gettid);
#endif
}

static void *thread(void *number)
{
	long i = (long)number, before = kernel_id();

	ids[i] = before;
	for (int turn = 0; turn < 20; turn++) {
		usleep(500);
		pthread_barrier_wait(&all);
	}
	expect(kernel_id() == before);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	int different = 0;

	pthread_barrier_init(&all, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		expect(pthread_create(&t[i], NULL, thread, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	for (int i = 0; i < THREADS; i++)
		for (int k = 0; k < i; k++)
			different += ids[i] != ids[k];
	printf("pairs of threads with different ids: %d\n", different);
	return 0;
}
