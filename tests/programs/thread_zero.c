/* A pthread_t that was never filled in (0) is answered with ESRCH by those functions of libc that look at it,
   before and after the first thread. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static void *nothing(void *arg)
{
	return arg;
}

static void ask(void)
{
	pthread_t none = 0;
	struct timespec past = {0, 0};
	struct sched_param param = {0};
	clockid_t clock;
	int policy;

	printf("join %d\n", pthread_join(none, NULL));
	printf("timedjoin %d\n", pthread_timedjoin_np(none, NULL, &past));
	printf("clockjoin %d\n", pthread_clockjoin_np(none, NULL, CLOCK_MONOTONIC, &past));
	printf("detach %d\n", pthread_detach(none));
	printf("getcpuclockid %d\n", pthread_getcpuclockid(none, &clock));
	printf("getschedparam %d\n", pthread_getschedparam(none, &policy, &param));
	printf("setschedparam %d\n", pthread_setschedparam(none, SCHED_OTHER, &param));
	printf("setschedprio %d\n", pthread_setschedprio(none, 0));
	printf("equal %d\n", pthread_equal(none, pthread_self()) != 0);
}

int main(void)
{
	pthread_t t;

	ask();
	pthread_create(&t, NULL, nothing, NULL);
	ask();
	pthread_join(t, NULL);
	ask();
	return 0;
}
