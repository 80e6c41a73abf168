/*
 * main leaves, the last thread ends by pthread_exit: status 0, output complete.
 */
#include "check.h"

static void *work(void *arg)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
	sleep_ms(30 * (int)(long)arg);
	printf("thread %ld ends\n", (long)arg);
	pthread_exit((void *)3L);
}

int main(void)
{
	for (long i = 0; i < 5; i++)
		pthread_detach(start(work, (void *)(10 * i)));
	pthread_exit((void *)4L);
}
