// One call transfers at most 2 GiB less a page, however much the vector has room for.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIECE = 2200000, PIECES = 1000 };

static char room[PIECE];
static struct iovec all[PIECES];

static void *beside(void *end)
{
	char c;

	return read(*(int *)end, &c, 1) == 0 ? NULL : end;
}

int main(void)
{
	int zero = open("/dev/zero", O_RDWR), ends[2];
	pthread_t t;

	if (pipe(ends) || pthread_create(&t, NULL, beside, &ends[0]))
		return 1;
	for (int i = 0; i < PIECES; i++)
		all[i] = (struct iovec){room, PIECE};
	printf("readv %zd\n", readv(zero, all, PIECES));
	printf("preadv %zd\n", preadv(zero, all, PIECES, 0));
	printf("writev %zd\n", writev(zero, all, PIECES));
	close(ends[1]);
	return pthread_join(t, NULL);
}
