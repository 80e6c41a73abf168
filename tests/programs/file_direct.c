/*
 * Past the page cache (O_DIRECT) a thread reads what is written only there so far, beside another, from a descriptor that was
 * opened before there were threads: the kernel writes it to the disk first, and the read ends soon.
 */
#include "check.h"

#include <fcntl.h>
#include <stdint.h>

enum { BYTES = 64 * 1024, ROUNDS = 20 };

static char buffer[BYTES] __attribute__((aligned(4096)));
static _Atomic bool done;

static void *tick(void *unused)
{
	while (!done)
		sleep_ms(1);
	return unused;
}

static void *read_all(void *fd)
{
	memset(buffer, 0, sizeof buffer);
	expect(read((int)(intptr_t)fd, buffer, BYTES) == BYTES);
	return NULL;
}

static void dirty(int fd, int c)
{
	memset(buffer, c, sizeof buffer);
	expect(pwrite(fd, buffer, BYTES, 0) == BYTES);
}

int main(void)
{
	char name[] = "direct.XXXXXX";
	int fd = mkstemp(name), past = open(name, O_RDONLY | O_DIRECT);
	pthread_t t;

	unlink(name);
	if (past < 0) {
		printf("no O_DIRECT here\n");
		return 0;
	}
	dirty(fd, 'a');
	t = start(tick, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		alarm(10);
		dirty(fd, 'a' + i);
		expect(lseek(past, 0, SEEK_SET) == 0);
		pthread_join(start(read_all, (void *)(intptr_t)past), NULL);
		printf("%c%c\n", buffer[0], buffer[BYTES - 1]);
	}
	done = true;
	pthread_join(t, NULL);
	return 0;
}
