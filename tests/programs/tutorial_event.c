/*
 * One setter, five waiters on an event: they wake first come, first served. Then a result handed to a waiter.
 * vervet-runs: 20
 */
#include "check.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static bool is_set;
static const char *result;

static void *setter(void *arg)
{
	printf("A: Hey wait for me, I have to do something\n");
	sleep_ms(30);
	printf("Ok, I'm done\n");
	pthread_mutex_lock(&m);
	is_set = true;
	pthread_cond_broadcast(&c);
	pthread_mutex_unlock(&m);
	return arg;
}

static void *waiter(void *arg)
{
	printf("I'll wait for you\n");
	pthread_mutex_lock(&m);
	while (!is_set)
		pthread_cond_wait(&c, &m);
	pthread_mutex_unlock(&m);
	printf("It's about time, %ld\n", (long)arg);
	return arg;
}

static void *get(void *arg)
{
	pthread_mutex_lock(&m);
	while (!result)
		pthread_cond_wait(&c, &m);
	pthread_mutex_unlock(&m);
	printf("%s\n", result);
	return arg;
}

int main(void)
{
	pthread_t s = start(setter, NULL), w[5], g;

	for (long i = 0; i < 5; i++)
		w[i] = start(waiter, (void *)i);
	join(s);
	for (int i = 0; i < 5; i++)
		join(w[i]);
	g = start(get, NULL);
	sleep_ms(5);
	pthread_mutex_lock(&m);
	result = "Hello!";
	pthread_cond_signal(&c);
	pthread_mutex_unlock(&m);
	join(g);
	return 0;
}
