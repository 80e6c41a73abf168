/*
 * Threads that never call anything, one in a loop until it has seen thirty ticks, one spinning on a flag, one in a
 * blocking read made by inline assembly, do not keep a fourth from ticking, nor main from waiting.
 */
#include "check.h"

#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic int ticks, stop, flag;
static int fd[2];

static void *hog(void *arg)
{
	int before = ticks;

	while (ticks < before + 30)
		;
	return arg;
}

static void *spin(void *arg)
{
	while (!flag)
		;
	return arg;
}

static void *inline_read(void *arg)
{
	char c = 0;
	long r;

#ifdef __x86_64__
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(SYS_read), "D"((long)fd[0]), "S"(&c), "d"(1L)
			 : "rcx", "r11", "memory");
#else
	r = read(fd[0], &c, 1);
#endif
	expect(r == 1 && c == 'x');
	return arg;
}

static void *tick(void *arg)
{
	while (!stop) {
		usleep(5000);
		ticks++;
	}
	return arg;
}

int main(void)
{
	pthread_t ticker, t[3];

	expect(pipe(fd) == 0);
	ticker = start(tick, NULL);
	t[0] = start(hog, (void *)1L);
	t[1] = start(spin, (void *)2L);
	t[2] = start(inline_read, (void *)3L);
	printf("hog %ld\n", (long)join(t[0]));
	flag = 1;
	printf("spinner %ld\n", (long)join(t[1]));
	expect(write(fd[1], "x", 1) == 1);
	printf("reader %ld\n", (long)join(t[2]));
	stop = 1;
	join(ticker);
	return 0;
}
