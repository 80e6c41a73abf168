/* A read of a file that the kernel makes on demand ends with what the kernel gives at once, however much more was asked for. */
#include "check.h"

#include <fcntl.h>
#include <sys/uio.h>

static char buf[1 << 20];

/* smaps comes a page at a time, and is several pages long */
static const char *size_of(ssize_t n)
{
	return n <= 0 ? "nothing" : n <= sysconf(_SC_PAGESIZE) ? "a page at most" : "more than a page";
}

static void *reads(void *unused)
{
	struct iovec halves[2] = {{buf, sizeof(buf) / 2}, {buf + sizeof(buf) / 2, sizeof(buf) / 2}};
	int fd = open("/proc/self/smaps", O_RDONLY);

	expect(fd >= 0);
	printf("pread: %s\n", size_of(pread(fd, buf, sizeof(buf), 0)));
	printf("read: %s\n", size_of(read(fd, buf, sizeof(buf))));
	printf("read: %s\n", size_of(read(fd, buf, sizeof(buf))));
	printf("readv: %s\n", size_of(readv(fd, halves, 2)));
	close(fd);
	return unused;
}

int main(void)
{
	join(start(reads, NULL));
	return 0;
}
