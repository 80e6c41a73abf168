/*
 * A file system in user space without a library: threads read requests from /dev/fuse and write answers there, large
 * ones too, while others of the same process use the files. Without the right to mount it does nothing.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { SIZE = 300000, SERVERS = 3, READERS = 6 };

static char dir[] = "/tmp/fuse_device.XXXXXX", content[SIZE];
static int device;

static void answer(uint64_t unique, int error, const void *data, size_t n)
{
	struct fuse_out_header out = {sizeof out + n, error, unique};
	struct iovec v[] = {{&out, sizeof out}, {(void *)data, n}};

	expect(writev(device, v, 2) == (ssize_t)out.len);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
	    .ino = node, .mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644, .nlink = 1, .size = SIZE};
}

static void serve_one(struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = 7, .minor = 31, .max_readahead = 131072, .max_write = 131072};
	struct fuse_attr_out attr = {.attr = attributes(in->nodeid)};
	struct fuse_entry_out entry = {.nodeid = 2, .attr = attributes(2)};
	struct fuse_open_out file = {.open_flags = FOPEN_DIRECT_IO};
	struct fuse_read_in *r = (void *)(in + 1);
	size_t n;

	switch (in->opcode) {
	case FUSE_INIT:
		return answer(in->unique, 0, &init, sizeof init);
	case FUSE_GETATTR:
		return answer(in->unique, 0, &attr, sizeof attr);
	case FUSE_LOOKUP:
		return answer(in->unique, 0, &entry, sizeof entry);
	case FUSE_OPEN:
		return answer(in->unique, 0, &file, sizeof file);
	case FUSE_READ:
		n = r->offset >= SIZE ? 0 : r->offset + r->size > SIZE ? SIZE - r->offset : r->size;
		return answer(in->unique, 0, content + (n ? r->offset : 0), n);
	case FUSE_RELEASE:
	case FUSE_FLUSH:
		return answer(in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	}
	answer(in->unique, -ENOSYS, NULL, 0);
}

static void *serve(void *unused)
{
	static _Thread_local char request[200000] __attribute__((aligned(8)));

	while (read(device, request, sizeof request) > 0 || errno == EINTR || errno == ENOENT)
		serve_one((void *)request);
	expect(errno == ENODEV); /* unmounted */
	return unused;
}

static void *use(void *unused)
{
	char path[64], *got = malloc(SIZE);
	struct stat st;

	snprintf(path, sizeof path, "%s/file", dir);
	for (int i = 0; i < 20; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n, all = 0;

		expect(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == SIZE);
		while ((n = read(fd, got + all, SIZE - all)) > 0)
			all += n;
		expect(all == SIZE && !memcmp(got, content, SIZE));
		close(fd);
		expect(stat(path, &st) == 0);
	}
	free(got);
	return unused;
}

static bool mounted(void)
{
	char options[100];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d", device, getuid(),
	    getgid());
	return device >= 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("test", dir, "fuse", MS_NOSUID | MS_NODEV, options) == 0;
}

int main(void)
{
	pthread_t servers[SERVERS], readers[READERS];

	expect(mkdtemp(dir));
	for (int i = 0; i < SIZE; i++)
		content[i] = i * 7 + i / 251;
	if (mounted()) {
		for (int i = 0; i < SERVERS; i++)
			pthread_create(&servers[i], NULL, serve, NULL);
		for (int i = 0; i < READERS; i++)
			pthread_create(&readers[i], NULL, use, NULL);
		for (int i = 0; i < READERS; i++)
			pthread_join(readers[i], NULL);
		expect(umount2(dir, MNT_DETACH) == 0);
		for (int i = 0; i < SERVERS; i++)
			pthread_join(servers[i], NULL);
	}
	rmdir(dir);
	puts("done");
	return 0;
}
