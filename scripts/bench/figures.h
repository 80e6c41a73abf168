/*
 * What the thread benchmarks measure with: CPU time of the process (another program on the same core does not disturb it
 * much) and memory, user and kernel.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

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

/* Own pages, page tables, and 16 KiB of kernel stack for every kernel thread. */
static inline double memory_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	double total = 0, value;
	char line[256];

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "RssAnon: %lf", &value) == 1 || sscanf(line, "VmPTE: %lf", &value) == 1)
			total += value;
		else if (sscanf(line, "Threads: %lf", &value) == 1)
			total += 16 * value;
	}
	if (f)
		fclose(f);
	return total;
}

static inline void all_descriptors(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}
