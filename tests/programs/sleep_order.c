/*
 * Sleeps of every kind end in the order of their deadlines, and not too early.
 */
#include "check.h"

#include <poll.h>
#include <sys/select.h>

enum { THREADS = 8 };

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int order[THREADS], ended;

static void sleep_by(int how, int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L}, at;
	struct timeval tv = {ms / 1000, ms % 1000 * 1000L};

	switch (how) {
	case 0:
		usleep((unsigned)ms * 1000);
		break;
	case 1:
		nanosleep(&ts, NULL);
		break;
	case 2:
		clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL);
		break;
	case 3:
		at = clock_in(CLOCK_MONOTONIC, ms);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		break;
	case 4:
		at = clock_in(CLOCK_REALTIME, ms);
		clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
		break;
	case 5:
		expect(poll(NULL, 0, ms) == 0);
		break;
	case 6:
		expect(select(0, NULL, NULL, NULL, &tv) == 0);
		break;
	case 7:
		expect(ppoll(NULL, 0, &ts, NULL) == 0);
		break;
	}
}

static void *sleeper(void *arg)
{
	int i = (int)(long)arg, ms = 60 * (THREADS - i);
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	sleep_by(i, ms);
	clock_gettime(CLOCK_MONOTONIC, &b);
	expect((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= ms * 1000000L - 100000);
	pthread_mutex_lock(&m);
	order[ended++] = i;
	pthread_mutex_unlock(&m);
	return NULL;
}

int main(void)
{
	struct timespec bad = {0, 1000000000}, negative = {-1, 0}, zero = {0, 0}, past = {1, 0};
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(sleeper, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	for (int i = 0; i < THREADS; i++)
		printf("%d ", order[i]);
	printf("\n");
	tell(nanosleep(&bad, NULL));
	tell(nanosleep(&negative, NULL));
	tell(nanosleep(&zero, NULL));
	tell_error(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL));
	tell_error(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
	tell_error(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL));
	tell_error(clock_nanosleep(12345, 0, &zero, NULL));
	tell(usleep(0));
	tell(sleep(0));
	return 0;
}
