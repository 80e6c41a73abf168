/*
 * A program makes its first threads when all descriptors are taken, and another when all memory is locked and little may
 * be: they run, and so do those that come later, when there is room again.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { FILES = 64, LOCKED = 16 << 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn = -1;

static void *take_turn(void *arg)
{
	int mine = (int)(long)arg;

	pthread_mutex_lock(&mutex);
	while (turn != mine)
		pthread_cond_wait(&changed, &mutex);
	printf("turn %d\n", turn++);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void begin(void)
{
	pthread_mutex_lock(&mutex);
	turn = 0;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

static void run(void *unused)
{
	struct rlimit limit = {FILES, FILES};
	pthread_t t[4];
	int fd, last = -1;

	(void)unused;
	expect(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while ((fd = dup(0)) >= 0)
		last = fd;
	tell_error(pthread_create(&t[3], NULL, take_turn, (void *)3L));
	tell_error(pthread_create(&t[2], NULL, take_turn, (void *)2L));
	for (fd = last; fd > 2; fd--)
		close(fd);
	tell_error(pthread_create(&t[1], NULL, take_turn, (void *)1L));
	tell_error(pthread_create(&t[0], NULL, take_turn, (void *)0L));
	begin();
	for (int i = 3; i >= 0; i--)
		expect(join(t[i]) == (void *)(long)i);
}

static void run_locked(void *unused)
{
	struct rlimit limit;
	pthread_attr_t attr;
	pthread_t t;

	(void)unused;
	expect(pthread_attr_init(&attr) == 0);
	expect(pthread_attr_setstacksize(&attr, 65536) == 0);
	expect(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	limit.rlim_cur = limit.rlim_max < LOCKED ? limit.rlim_max : LOCKED;
	expect(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	expect(getuid() != 0 || setuid(65534) == 0);
	tell(mlockall(MCL_CURRENT | MCL_FUTURE));
	tell_error(pthread_create(&t, &attr, take_turn, (void *)0L));
	begin();
	printf("value %ld\n", (long)join(t));
}

int main(void)
{
	printf("status %d\n", in_child(run, NULL));
	printf("status %d\n", in_child(run_locked, NULL));
	return 0;
}
