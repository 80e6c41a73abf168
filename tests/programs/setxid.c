/*
 * Threads change the process's user and group ids while others sleep, wait, block outside libc's sight and come and go:
 * every thread has them, and keeps them.
 */
#include "check.h"

#include <grp.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 6, NOBODY = 65534 };

static pthread_barrier_t all;
static int pipes[2];

static void expect_ids(uid_t user, gid_t group)
{
	gid_t groups[8];

	expect((uid_t)syscall(SYS_geteuid) == user);
	expect((gid_t)syscall(SYS_getegid) == group);
	expect(getgroups(8, groups) == 1 && groups[0] == group);
}

static void *body(void *arg)
{
	char c;

	for (int i = 0; i < 3; i++) {
		pthread_barrier_wait(&all);
		if ((long)arg == i) {
			expect(setegid(0) == 0 || i == 0);
			gid_t group = 100 + i;
			expect(setgroups(1, &group) == 0);
			expect(setegid(group) == 0);
		}
		pthread_barrier_wait(&all);
		expect_ids(0, 100 + i);
		usleep(1000);
		expect_ids(0, 100 + i);
	}
	expect(read(pipes[0], &c, 1) == 1);
	expect_ids(NOBODY, 102);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	if (geteuid() != 0) {
		puts("not root");
		return 0;
	}
	expect(pipe(pipes) == 0);
	pthread_barrier_init(&all, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(body, (void *)i);
	sleep_ms(100);
	expect(setresuid(-1, NOBODY, -1) == 0);
	expect(setuid(1) == -1 && errno == EPERM);
	expect(seteuid(-1) == -1 && errno == EINVAL);
	expect(write(pipes[1], "123456", THREADS) == THREADS);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("every thread had every id");
	return 0;
}
