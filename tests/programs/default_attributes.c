/* Threads made after pthread_setattr_default_np have the new default stack, recycled ones too. */
#include <pthread.h>
#include <stdio.h>

static void *size_of_mine(void *size)
{
	pthread_attr_t attr;

	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, size);
	pthread_attr_destroy(&attr);
	return NULL;
}

static void thread(void)
{
	pthread_t t;
	size_t size = 0;

	if (pthread_create(&t, NULL, size_of_mine, &size) || pthread_join(t, NULL))
		printf("no thread\n");
	printf("%zu KiB\n", size / 1024);
}

int main(void)
{
	static const size_t sizes[] = {16 << 20, 32 << 20, 64 << 20, 128 << 20};
	pthread_attr_t attr;

	thread();
	for (int i = 0; i < 4; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, sizes[i]);
		if (pthread_setattr_default_np(&attr))
			printf("not set\n");
		pthread_attr_destroy(&attr);
		thread();
		thread();
	}
	return 0;
}
