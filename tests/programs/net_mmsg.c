/*
 * recvmmsg and sendmmsg: several datagrams at once, MSG_WAITFORONE, waiting for the missing ones, time-out between
 * datagrams.
 */
#include "net.h"

enum { N = 5 };

static char buf[N][64];
static struct iovec v[N];
static struct mmsghdr mm[N];

static void prepare(size_t size)
{
	for (int i = 0; i < N; i++) {
		v[i] = (struct iovec){buf[i], size};
		mm[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &v[i], .msg_iovlen = 1}};
	}
}

static void *send_one_by_one(void *arg)
{
	for (int i = 0; i < N; i++) {
		sleep_ms(3);
		expect(send(*(int *)arg, "abcdef", (size_t)i + 1, 0) == i + 1);
	}
	return NULL;
}

static void lengths(const char *what, int n)
{
	printf("%s: %d:", what, n);
	for (int i = 0; i < n; i++)
		printf(" %u", mm[i].msg_len);
	printf("\n");
}

int main(void)
{
	struct timespec late = {10, 0};
	pthread_t t;
	int fd[2];

	unix_pair(SOCK_DGRAM, fd);
	prepare(20);
	lengths("sent", sendmmsg(fd[1], mm, N, 0));
	prepare(64);
	lengths("received", recvmmsg(fd[0], mm, N, 0, NULL));

	t = start(send_one_by_one, &fd[1]);
	prepare(64);
	lengths("waited for all", recvmmsg(fd[0], mm, N, 0, NULL));
	join(t);

	t = start(send_one_by_one, &fd[1]);
	prepare(64);
	lengths("waited for one", recvmmsg(fd[0], mm, N, MSG_WAITFORONE, NULL));
	for (int left = N - 1; left; left--)
		expect(recv(fd[0], buf[0], 64, 0) > 0);
	join(t);

	t = start(send_one_by_one, &fd[1]);
	prepare(64);
	lengths("in time", recvmmsg(fd[0], mm, N, 0, &late));
	join(t);

	tell(recvmmsg(fd[0], mm, N, MSG_DONTWAIT, NULL));
	tell(sendmmsg(-1, mm, N, 0));
	late.tv_nsec = -1;
	tell(recvmmsg(fd[0], mm, N, 0, &late));
	return 0;
}
