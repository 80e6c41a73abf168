/* A thread reads from a pipe by a system call of its own, past libc, while main sleeps in short steps and then writes. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int ends[2];

__attribute__((noinline)) long own_read(int fd, void *to, unsigned long n)
{
	long r = 0;

	__asm__ volatile("syscall" : "+a"(r) : "D"((long)fd), "S"(to), "d"(n) : "rcx", "r11", "memory");
	return r;
}

static void *reader(void *unused)
{
	char c;

	for (int i = 0; i < 5; i++)
		own_read(ends[0], &c, 1);
	return NULL;
}

int main(void)
{
	pthread_t t;

	if (pipe(ends))
		return 1;
	pthread_create(&t, NULL, reader, NULL);
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 30; k++)
			usleep(1000);
		if (write(ends[1], "x", 1) != 1)
			return 2;
	}
	pthread_join(t, NULL);
	puts("done");
	return 0;
}
