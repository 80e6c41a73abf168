/*
 * Arguments that the kernel refuses before it would wait: a program with threads gets its answer at once, and the same.
 */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void *idle(void *arg)
{
	pause();
	return arg;
}

static void lengths(int reader, int writer, int packets, int full)
{
	static char room[8];
	size_t huge = -1;

	tell(read(reader, room, huge));
	tell(read(packets, room, huge));
	tell(write(writer, room, huge));
	tell(pread(full, room, huge, 0));
	tell(pwrite(full, room, 0, 0));
	tell(sendmmsg(-1, NULL, 0, 0));
	tell(sendmmsg(reader, NULL, 0, 0));
}

static void flags(int reader, int writer, int listener, const int other[2])
{
	enum { UNKNOWN = 0xff00 };

	tell(accept4(listener, NULL, NULL, 0x77));
	tell(splice(reader, NULL, other[1], NULL, 4, UNKNOWN));
	tell(splice(writer, NULL, other[1], NULL, 4, 0));
	tell(splice(reader, NULL, other[0], NULL, 4, 0));
	tell(splice(reader, NULL, writer, NULL, 4, 0));
}

static void times(int packets)
{
	struct timespec negative = {-1, 0};
	struct epoll_event event;
	int ep = epoll_create1(0);
	struct mmsghdr m = {0};

	tell(ppoll(NULL, 0, &negative, NULL));
	tell(pselect(0, NULL, NULL, NULL, &negative, NULL));
	tell(epoll_pwait2(ep, &event, 1, &negative, NULL));
	tell(recvmmsg(packets, &m, 1, 0, &negative));
}

int main(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int ends[2], other[2], pair[2], listener = socket(AF_INET, SOCK_STREAM, 0);
	int full = open("/dev/full", O_RDWR);

	expect(pipe(ends) == 0 && pipe(other) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	expect(bind(listener, (struct sockaddr *)&any, sizeof any) == 0 && listen(listener, 1) == 0);
	alarm(10);
	start(idle, NULL);
	lengths(ends[0], ends[1], pair[0], full);
	flags(ends[0], ends[1], listener, other);
	times(pair[0]);
	return 0;
}
