/*
 * Files read and written by several threads beside one that ticks: whole results of reads and writes, positions, ends,
 * vectors, errors, files that know no RWF_NOWAIT, files opened to wait for the disk.
 */
#include "net.h"

#include <sys/mman.h>
#include <sys/stat.h>

enum { SIZE = 3 << 20, PIECE = 100000 };

static char path[] = "/tmp/vervet-io-XXXXXX";
static volatile bool over;

static void *tick(void *arg)
{
	(void)arg;
	while (!over)
		sleep_ms(1);
	return NULL;
}

/* Reads are whole until the end of the file, though the page cache may have lost all of it. */
static void *read_through(void *arg)
{
	int fd = open(path, O_RDONLY);
	static __thread char buf[PIECE];
	size_t at = 0;
	ssize_t n;

	(void)arg;
	while ((n = read(fd, buf, PIECE)) > 0) {
		expect(n == PIECE || at + n == SIZE);
		check_bytes(buf, n, at);
		at += n;
	}
	expect(n == 0 && at == SIZE);
	close(fd);
	return NULL;
}

static void *read_pieces(void *arg)
{
	static __thread char buf[3 * PIECE];
	int fd = open(path, O_RDONLY);

	(void)arg;
	for (size_t at = 0; at + sizeof buf < SIZE; at += 77777) {
		struct iovec v[3] = {{buf, 10}, {buf + 10, PIECE}, {buf + 10 + PIECE, PIECE - 10}};

		expect(pread(fd, buf, PIECE, at) == PIECE);
		check_bytes(buf, PIECE, at);
		expect(preadv(fd, v, 3, at) == 2 * PIECE);
		check_bytes(buf, 2 * PIECE, at);
		expect(preadv2(fd, v, 3, at, 0) == 2 * PIECE);
	}
	expect(pread(fd, buf, PIECE, SIZE - 5) == 5);
	expect(pread(fd, buf, PIECE, SIZE) == 0);
	close(fd);
	return NULL;
}

static void *write_synced(void *arg)
{
	char name[64];
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	snprintf(name, sizeof name, "%s.%ld", path, (long)arg);
	fd = open(name, O_CREAT | O_RDWR | O_DSYNC, 0600);
	for (int i = 0; i < 8; i++) {
		fill(page, 65536, i * 65536);
		expect(write(fd, page, 65536) == 65536);
		expect(pwrite(fd, page, 4096, i * 65536) == 4096);
	}
	close(fd);
	fd = open(name, O_RDWR | O_DIRECT);
	for (int i = 0; fd >= 0 && i < 8; i++) {
		expect(read(fd, page, 65536) == 65536);
		check_bytes(page, 65536, i * 65536);
	}
	close(fd);
	unlink(name);
	return NULL;
}

static void odd_files(void)
{
	char buf[4096], page[8192];
	int fd;

	fd = open("/proc/self/status", O_RDONLY);
	expect(read(fd, buf, 5) == 5 && !memcmp(buf, "Name:", 5));
	expect(pread(fd, buf, 5, 0) == 5 && !memcmp(buf, "Name:", 5));
	close(fd);
	fd = memfd_create("m", 0);
	tell(write(fd, "hello", 5));
	tell(pread(fd, buf, 100, 1));
	tell(read(fd, buf, 100));
	tell(lseek(fd, 0, SEEK_SET));
	tell(read(fd, buf, 100));
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	tell(read(fd, page, sizeof page));
	tell(write(fd, page, sizeof page));
	close(fd);
	fd = open("/", O_RDONLY);
	tell(read(fd, buf, 1));
	close(fd);
	tell(read(fd, buf, 1));
	tell(write(fd, buf, 1));
}

static void errors(void)
{
	int fd = open(path, O_RDONLY), p[2];
	struct iovec v = {(void *)8, 100}, many[3] = {{0}};
	char c;

	tell(write(fd, "x", 1));
	tell(read(fd, (void *)8, 100));
	tell(readv(fd, &v, 1));
	tell(readv(fd, &v, -1));
	tell(readv(fd, many, 3));
	tell(pread(fd, &c, 1, -1));
	tell(preadv2(fd, &(struct iovec){&c, 1}, 1, 0, 1 << 30));
	expect(pipe(p) == 0);
	tell(pread(p[0], &c, 1, 0));
	tell(pwrite(p[1], &c, 1, 0));
	tell(read(p[1], &c, 1));
	tell(write(p[0], &c, 1));
	tell(read(p[0], &c, 0));
	tell(write(p[1], &c, 0));
	tell(lseek(p[0], 0, SEEK_CUR));
	close(fd);
}

int main(void)
{
	pthread_t ticker = start(tick, NULL), t[6];
	int fd = mkstemp(path);
	char *all = malloc(SIZE);

	fill(all, SIZE, 0);
	expect(write(fd, all, SIZE) == SIZE);
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	for (int i = 0; i < 6; i++)
		t[i] = start(i < 2 ? read_through : i < 4 ? read_pieces : write_synced, (void *)(long)i);
	for (int i = 0; i < 6; i++)
		join(t[i]);
	odd_files();
	errors();
	over = true;
	join(ticker);
	unlink(path);
	return 0;
}
