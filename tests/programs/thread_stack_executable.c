/*
 * vervet-link: -Wl,-z,execstack
 * A program whose stacks are executable calls a nested function through a pointer, that is code on its stack, in threads.
 */
#include "check.h"

static int twice(int (*f)(int), int n)
{
	return f(f(n));
}

static void *body(void *arg)
{
	int step = (int)(long)arg;
	int add(int n)
	{
		return n + step;
	}

	printf("%d\n", twice(add, 1));
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	join(start(body, (void *)20l));
	expect(pthread_attr_init(&attr) == 0);
	expect(pthread_attr_setstacksize(&attr, 65536) == 0);
	expect(pthread_create(&t, &attr, body, (void *)30l) == 0);
	join(t);
	return 0;
}
