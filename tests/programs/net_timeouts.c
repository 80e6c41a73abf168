/*
 * SO_RCVTIMEO and SO_SNDTIMEO: which calls end with EAGAIN, which give what they have; data in time is delivered.
 */
#include "net.h"

#include <sys/syscall.h>

static void set(int fd, int option, int ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000L};

	expect(setsockopt(fd, SOL_SOCKET, option, &tv, sizeof tv) == 0);
}

static void *send_late(void *arg)
{
	sleep_ms(20);
	expect(write(*(int *)arg, "late", 4) == 4);
	return NULL;
}

static void receive(const char *what, int fd[2])
{
	char buf[100];
	struct iovec v = {buf, sizeof buf};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	pthread_t t;

	printf("%s\n", what);
	set(fd[0], SO_RCVTIMEO, 30);
	tell(read(fd[0], buf, sizeof buf));
	tell(recv(fd[0], buf, sizeof buf, 0));
	tell(recvfrom(fd[0], buf, sizeof buf, 0, NULL, NULL));
	tell(readv(fd[0], &v, 1));
	tell(recvmsg(fd[0], &m, 0));
	tell(recvmmsg(fd[0], &mm, 1, 0, NULL));
	expect(write(fd[1], "half", 4) == 4);
	tell(recv(fd[0], buf, 8, MSG_WAITALL));
	set(fd[0], SO_RCVTIMEO, 10000);
	t = start(send_late, &fd[1]);
	tell(read(fd[0], buf, sizeof buf));
	join(t);
	set(fd[0], SO_RCVTIMEO, 0);
	t = start(send_late, &fd[1]);
	tell(read(fd[0], buf, sizeof buf));
	join(t);
}

static void transmit(const char *what, int fd[2])
{
	static char big[1 << 20];
	int small = 4096;
	ssize_t n, total = 0;

	printf("%s\n", what);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	set(fd[0], SO_SNDTIMEO, 30);
	while ((n = send(fd[0], big, sizeof big, 0)) > 0)
		total += n; /* the first gives what went out, then nothing does */
	printf(
	    "partial first: %d, then %s\n", total > 0 && total < (ssize_t)sizeof big * 10, errno_name(errno));
	tell(write(fd[0], big, 1 << 19));
}

static void *beside(void *end)
{
	char c;

	return read(*(int *)end, &c, 1) == 0 ? NULL : end;
}

static void *shorten(void *fd)
{
	sleep_ms(20);
	set(*(int *)fd, SO_RCVTIMEO, 10);
	return NULL;
}

/* What was asked before is no longer so: by a duplicate, by another thread, by the system call. */
static void change_elsewhere(void)
{
	const struct timeval long_time = {10, 0};
	int fd[2], ends[2], copy;
	pthread_t t, other;
	char c;

	expect(pipe(ends) == 0);
	other = start(beside, &ends[0]);
	tcp_pair(fd);
	set(fd[0], SO_RCVTIMEO, 20);
	tell(read(fd[0], &c, 1));
	copy = dup(fd[0]);
	set(copy, SO_RCVTIMEO, 10000);
	t = start(send_late, &fd[1]);
	tell(read(fd[0], &c, 1));
	join(t);
	while (recv(fd[0], &c, 1, MSG_DONTWAIT) == 1)
		;
	t = start(shorten, &copy);
	join(t);
	tell(read(fd[0], &c, 1));
	close(copy);
	close(fd[0]);
	close(fd[1]);
	tcp_pair(fd);
	set(fd[0], SO_RCVTIMEO, 10);
	tell(read(fd[0], &c, 1));
	expect(syscall(SYS_setsockopt, fd[0], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time) == 0);
	t = start(send_late, &fd[1]);
	tell(read(fd[0], &c, 1));
	join(t);
	close(fd[0]);
	close(fd[1]);
	close(ends[1]);
	join(other);
}

int main(void)
{
	struct sockaddr_in at;
	int fd[2], l;

	tcp_pair(fd);
	receive("tcp", fd);
	transmit("tcp", fd);
	unix_pair(SOCK_STREAM, fd);
	receive("unix stream", fd);
	transmit("unix stream", fd);
	unix_pair(SOCK_DGRAM, fd);
	set(fd[0], SO_RCVTIMEO, 20);
	tell(read(fd[0], &l, 4));
	change_elsewhere();
	l = listener(&at, 1);
	set(l, SO_RCVTIMEO, 20);
	tell(accept(l, NULL, NULL));
	tell(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	return 0;
}
