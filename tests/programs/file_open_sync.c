/* Opening named pipes waits for the other end, by every name of open; O_NONBLOCK does not; regular files, syncing and
 * randomness are as ever, beside threads that go on. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

static char dir[] = "/tmp/open-XXXXXX", fifo[64], file[64];
static _Atomic int opened;

static int open_by(int how, const char *path, int flags)
{
	int fd, at;

	switch (how) {
	case 0:
		return open(path, flags);
	case 1:
		return open64(path, flags);
	case 2:
		at = open(dir, O_RDONLY | O_DIRECTORY);
		fd = openat(at, strrchr(path, '/') + 1, flags);
		close(at);
		return fd;
	default:
		return fileno(fopen(path, flags == O_RDONLY ? "r" : "w"));
	}
}

static void *write_later(void *arg)
{
	int fd;

	let_block();
	expect(!opened);
	fd = open_by((long)arg, fifo, O_WRONLY);
	expect(write(fd, "x", 1) == 1);
	return (void *)(long)fd;
}

static void fifos(void)
{
	char c;

	for (long how = 0; how < 4; how++) {
		pthread_t t = start(write_later, (void *)how);
		int fd;

		opened = 0;
		fd = open_by(how, fifo, O_RDONLY);
		opened = 1;
		printf("opened by way %ld, read %zd\n", how, read(fd, &c, 1));
		close((long)join(t));
		close(fd);
		opened = 0;
	}
	tell(open(fifo, O_WRONLY | O_NONBLOCK));
	expect((opened = open(fifo, O_RDONLY | O_NONBLOCK)) >= 0);
	expect((opened = open(fifo, O_RDWR)) >= 0);
}

static void *files(void *arg)
{
	char name[80], line[20];
	int fd;

	snprintf(name, sizeof(name), "%s-%ld", file, (long)arg);
	fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0640);
	expect(fd >= 0 && write(fd, "data\n", 5) == 5);
	expect(
	    !fsync(fd) && !fdatasync(fd) && !sync_file_range(fd, 0, 5, 7) && !posix_fallocate(fd, 0, 4096));
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(p != MAP_FAILED && !msync(p, 4096, MS_SYNC) && !munmap(p, 4096) && !syncfs(fd));
	close(fd);
	fd = open(name, O_RDONLY);
	expect(read(fd, line, 5) == 5 && !memcmp(line, "data\n", 5));
	close(fd);
	expect(getrandom(line, sizeof(line), 0) == sizeof(line) && !getentropy(line, 16));
	struct stat st;
	expect(!stat(name, &st));
	unlink(name);
	return (void *)(long)(st.st_mode & 0777);
}

int main(void)
{
	pthread_t t[10];

	umask(022);
	expect(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	expect(!mkfifo(fifo, 0600));
	fifos();
	for (long i = 0; i < 10; i++)
		t[i] = start(files, (void *)i);
	for (int i = 0; i < 10; i++)
		printf("mode %lo\n", (long)join(t[i]));
	tell(fsync(99));
	tell(fdatasync(99));
	tell(open("/no/such/file", O_RDONLY));
	tell(open(dir, O_WRONLY));
	const char *volatile nowhere = NULL;
	tell(open(nowhere, O_RDONLY));
	unlink(fifo);
	rmdir(dir);
	return 0;
}
