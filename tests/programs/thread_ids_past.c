/*
 * A program that changes its ids by libc's functions themselves, past every preload (a handle of libc, as ctypes has; a
 * library opened with RTLD_DEEPBIND): the call ends, and every thread has the new ids.
 */
#include "check.h"

#include <dlfcn.h>
#include <unistd.h>

static struct turn turn = TURN;
static int (*set_group)(gid_t), (*set_user)(uid_t);

static void *asks(void *arg)
{
	turn_wait(&turn, 1);
	printf("a thread has %d\n", getegid());
	turn_set(&turn, 2);
	return arg;
}

static void *sleeps(void *end)
{
	char c;

	return read(*(int *)end, &c, 1) == 0 ? NULL : end;
}

static void *changes(void *arg)
{
	for (int i = 0; i < 20; i++)
		expect(set_group(getegid()) == 0 && set_user(geteuid()) == 0);
	printf("a thread sets them: %d\n", set_group(geteuid() ? getegid() : 2));
	usleep(3000);
	printf("a thread has set %d\n", getegid());
	return arg;
}

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	pthread_t t[2];
	int ends[2];

	set_group = (int (*)(gid_t))dlsym(libc, "setegid");
	set_user = (int (*)(uid_t))dlsym(libc, "seteuid");
	expect(set_group && set_user && pipe(ends) == 0);
	t[0] = start(sleeps, &ends[0]);
	t[1] = start(asks, NULL);
	usleep(1000);
	for (int i = 0; i < 20; i++)
		expect(set_group(getegid()) == 0 && set_user(geteuid()) == 0);
	printf("main sets them: %d\n", set_group(geteuid() ? getegid() : 1));
	turn_set(&turn, 1);
	turn_wait(&turn, 2);
	join(t[1]);
	join(start(changes, NULL));
	printf("main has %d\n", getegid());
	printf("and as always: %d\n", setegid(getgid()));
	join(start(changes, NULL));
	close(ends[1]);
	join(t[0]);
	return 0;
}
