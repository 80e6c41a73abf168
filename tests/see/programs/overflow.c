/* A thread that recurses without end while others wait; or, with an argument, one that follows a wild pointer. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static volatile char sink;

static int recurse(int n)
{
	volatile char room[1000];

	room[n % 1000] = (char)n;
	sink = room[(n + 1) % 1000];
	return n > 0 ? recurse(n + 1) + room[0] : 0;
}

static void *deep(void *wild)
{
	usleep(1000);
	if (wild)
		*(volatile int *)0x10 = 1;
	return recurse(1) ? NULL : wild;
}

int main(int argc, char **argv)
{
	pthread_t t;

	pthread_create(&t, NULL, deep, argc > 1 ? argv : NULL);
	pthread_setname_np(t, "digger");
	pthread_join(t, NULL);
	return 0;
}
