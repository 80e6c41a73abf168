/*
 * What the thread benchmarks measure with: CPU time of the process (another program on the same core does not disturb it
 * much) and memory, user and kernel.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Does op(n) warm and with n growing until 0.2 s have gone, and prints nanoseconds per operation. */
static inline void each(void (*op)(long), long n)
{
	double took = 0;

	op(n);
	while (took < 2e8) {
		double begun = cpu_ns();

		op(n);
		took = cpu_ns() - begun;
		if (took < 2e8)
			n = took > 1e7 ? n * 2.4e8 / took : n * 10;
	}
	printf("%.2f\n", took / n);
}

static inline double figure(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtod(p + strlen(name), NULL) : 0;
}

/* Own pages, page tables, and 16 KiB of kernel stack for every kernel thread. Not read as a stream: that counts the
 * program's threads. */
static inline double memory_kib(void)
{
	int fd = open("/proc/self/status", O_RDONLY);
	char text[8192] = "";

	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		exit(1);
	close(fd);
	return figure(text, "RssAnon:") + figure(text, "VmPTE:") + 16 * figure(text, "Threads:");
}

static inline void all_descriptors(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}
