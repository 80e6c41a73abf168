/*
 * A program that runs threads has nothing open below /proc/PID/task: the kernel forgets such files once for the thread
 * and once for the process, and who waits for the process spins while the other is at it.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

static int below_task(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	char to[256];
	int count = 0;

	expect(d);
	while ((e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);

		to[n < 0 ? 0 : n] = 0;
		count += !strncmp(to, "/proc/", 6) && strstr(to, "/task/");
	}
	closedir(d);
	return count;
}

static void *other(void *file)
{
	/* Something that may take a kernel thread of its own. */
	expect(!flock(*(int *)file, LOCK_SH) && !flock(*(int *)file, LOCK_UN));
	sleep_ms(20);
	return NULL;
}

int main(void)
{
	int file = open("/", O_RDONLY | O_CLOEXEC);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		expect(!pthread_create(&threads[i], NULL, other, &file));
	sleep_ms(10);
	printf("%d while threads run\n", below_task());
	for (int i = 0; i < 4; i++)
		expect(!pthread_join(threads[i], NULL));
	printf("%d afterwards\n", below_task());
	return 0;
}
