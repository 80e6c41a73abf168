/*
 * pthread_self, pthread_equal, gettid and names: every thread has its own for as long as it lives, across every kind
 * of wait.
 */
#include "check.h"

#include <sys/syscall.h>

enum { THREADS = 16 };

static struct turn turn = TURN;
static pid_t tids[THREADS];
static pthread_t selves[THREADS];

static void check_name(int i)
{
	char want[16], got[16];

	snprintf(want, sizeof want, "worker %d", i);
	expect(pthread_getname_np(pthread_self(), got, sizeof got) == 0);
	expect(strcmp(want, got) == 0);
}

static void *live(void *arg)
{
	int i = (int)(long)arg;
	char name[16];

	selves[i] = pthread_self();
	tids[i] = gettid();
	snprintf(name, sizeof name, "worker %d", i);
	expect(pthread_setname_np(pthread_self(), name) == 0);
	for (int round = 0; round < 20; round++) {
		if (round % 2)
			sched_yield();
		else
			sleep_ms(1);
		expect(pthread_equal(pthread_self(), selves[i]));
		expect(gettid() == tids[i]);
		expect(syscall(SYS_gettid) == tids[i]);
		check_name(i);
	}
	turn_wait(&turn, 1);
	expect(gettid() == tids[i]);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	char name[16], small[4];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(live, (void *)i);
	sleep_ms(100);
	for (int i = 0; i < THREADS; i++)
		expect(pthread_getname_np(t[i], name, sizeof name) == 0);
	printf("name of the last: %s\n", name);
	tell_error(pthread_getname_np(t[0], small, sizeof small));
	tell_error(pthread_setname_np(t[0], "far too long a name"));
	tell_error(pthread_setname_np(t[3], "renamed"));
	expect(pthread_getname_np(t[3], name, sizeof name) == 0);
	printf("named from outside: %s\n", name);
	tell_error(pthread_setname_np(t[3], "worker 3"));
	turn_set(&turn, 1);
	for (int i = 0; i < THREADS; i++) {
		join(t[i]);
		expect(pthread_equal(t[i], selves[i]));
		expect(tids[i] != getpid());
		for (int j = 0; j < i; j++)
			expect(tids[i] != tids[j]);
	}
	expect(gettid() == getpid());
	expect(pthread_setname_np(pthread_self(), "chief") == 0);
	expect(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
	printf("main: %s\n", name);
	return 0;
}
