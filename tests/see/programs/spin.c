/* One thread computes, one sleeps in flock, held by main through another open of the file; main sleeps. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static volatile unsigned long turns;
static char name[] = "/tmp/vervet-see-XXXXXX";

static void *spinner(void *unused)
{
	for (;;)
		turns++;
}

static void *locker(void *unused)
{
	flock(open(name, O_RDONLY), LOCK_EX);
	return NULL;
}

int main(void)
{
	pthread_t t;
	int fd = mkstemp(name);

	flock(fd, LOCK_EX);
	pthread_create(&t, NULL, locker, NULL);
	pthread_create(&t, NULL, spinner, NULL);
	sleep(1);
	unlink(name);
	sleep(60);
	return 0;
}
