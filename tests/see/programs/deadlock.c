/* Two threads that wait for each other's mutex, one that sleeps again and again, main that joins. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void *take_one_first(void *unused)
{
	pthread_mutex_lock(&one);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&two);
	return NULL;
}

static void *take_two_first(void *unused)
{
	pthread_mutex_lock(&two);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&one);
	return NULL;
}

static void *sleeper(void *unused)
{
	for (;;)
		usleep(100000);
}

int main(int argc, char **argv)
{
	pthread_t a, b, c;

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&a, NULL, take_one_first, NULL);
	pthread_setname_np(a, "alice");
	pthread_create(&b, NULL, take_two_first, NULL);
	pthread_setname_np(b, "bob");
	if (argc == 1)
		pthread_create(&c, NULL, sleeper, NULL);
	pthread_join(a, NULL);
	return 0;
}
