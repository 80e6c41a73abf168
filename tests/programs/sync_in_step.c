/* A thread that waits for something which another only lets go of between two yields gets it in the end. */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool taken = true, got;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *waiter(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	while (taken)
		pthread_cond_wait(&changed, &lock);
	got = true;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool set_taken(bool value)
{
	bool over;

	pthread_mutex_lock(&lock);
	taken = value;
	if (!value)
		pthread_cond_signal(&changed);
	over = got;
	pthread_mutex_unlock(&lock);
	return over;
}

int main(void)
{
	double end = seconds() + 8;
	bool over = false;
	pthread_t t;

	pthread_create(&t, NULL, waiter, NULL);
	while (!over && seconds() < end) {
		double stretch = seconds() + 2e-4;

		set_taken(false);
		while (seconds() < stretch)
			;
		over = set_taken(true);
		for (int i = 0; i < 10; i++)
			sched_yield();
	}
	puts(over ? "got it" : "starved");
	set_taken(false);
	pthread_join(t, NULL);
	return 0;
}
