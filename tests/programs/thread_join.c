/*
 * Threads return values, through return and through pthread_exit; joins in another order than the ends, nested
 * creation, many threads at once.
 */
#include "check.h"

static void *square(void *arg)
{
	return (void *)((long)arg * (long)arg);
}

static void *leave(void *arg)
{
	if ((long)arg == 0)
		pthread_exit((void *)77L);
	return leave((void *)((long)arg - 1));
}

static void *tree(void *arg)
{
	long depth = (long)arg;

	if (depth == 0)
		return (void *)1L;
	pthread_t left = start(tree, (void *)(depth - 1));
	pthread_t right = start(tree, (void *)(depth - 1));
	return (void *)((long)join(left) + (long)join(right));
}

static void *linger(void *arg)
{
	let_block();
	return arg;
}

int main(void)
{
	pthread_t t[200];

	for (long i = 0; i < 200; i++)
		t[i] = start(square, (void *)i);
	for (long i = 199; i >= 0; i--)
		expect((long)join(t[i]) == i * i);

	printf("from ten frames down: %ld\n", (long)join(start(leave, (void *)10L)));
	printf("leaves of the tree: %ld\n", (long)join(start(tree, (void *)5L)));

	for (long i = 0; i < 20; i++)
		t[i] = start(linger, (void *)i);
	for (long i = 0; i < 20; i++)
		printf("%ld ", (long)join(t[i]));
	printf("\n");
	return 0;
}
