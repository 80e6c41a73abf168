/*
 * Addresses where nothing is: what libc leaves to the kernel answers EFAULT, in a program with threads and by syscall(), too.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void *bad;
static int ends[2], pair[2], ep, stream;
static mqd_t queue;
static bool threads;

static void *idle(void *arg)
{
	pause();
	return arg;
}

/* Each in a child of its own: a fault is its status. */
#define try(call)                                                                                            \
	do {                                                                                                 \
		int status;                                                                                  \
		pid_t child;                                                                                 \
                                                                                                             \
		fflush(stdout);                                                                              \
		child = fork();                                                                              \
		if (child == 0) {                                                                            \
			alarm(5);                                                                            \
			if (threads)                                                                         \
				start(idle, NULL);                                                           \
			tell(call);                                                                          \
			fflush(stdout);                                                                      \
			_exit(0);                                                                            \
		}                                                                                            \
		expect(waitpid(child, &status, 0) == child);                                                 \
		if (status)                                                                                  \
			printf("%s: status %d\n", #call, status);                                            \
	} while (0)

static void waits(void)
{
	static struct timespec ms = {0, 1000000};
	static struct epoll_event event;
	struct pollfd p = {ends[0], POLLIN, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	try(nanosleep(bad, NULL));
	try(clock_nanosleep(CLOCK_MONOTONIC, 0, bad, NULL));
	try(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, bad, NULL));
	try(ppoll(&p, 1, &ms, bad));
	try(select(ends[0] + 1, bad, NULL, NULL, NULL));
	try(pselect(ends[0] + 1, NULL, bad, NULL, &ms, NULL));
	try(pselect(ends[0] + 1, NULL, NULL, bad, &ms, NULL));
	try(pselect(ends[0] + 1, &set, NULL, NULL, &ms, bad));
	try(epoll_pwait(ep, &event, 1, 1, bad));
	try(epoll_pwait2(ep, &event, 1, bad, NULL));
	try(waitid(P_ALL, 0, bad, WEXITED));
	try(syscall(SYS_nanosleep, bad, NULL));
	try(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad, NULL));
	try(syscall(SYS_ppoll, &p, 1, bad, NULL, 8));
	try(syscall(SYS_pselect6, ends[0] + 1, &set, NULL, NULL, bad, NULL));
	try(syscall(SYS_pselect6, ends[0] + 1, &set, NULL, NULL, &ms, bad));
	try(syscall(SYS_epoll_pwait2, ep, &event, 1, bad, NULL, 8));
	try(syscall(SYS_waitid, P_ALL, 0, bad, WEXITED, NULL));
#ifdef SYS_select
	try(syscall(SYS_select, ends[0] + 1, &set, NULL, NULL, bad));
#endif
}

static void transfers(void)
{
	static char room[8];
	static uint32_t word = 5;
	struct iovec v = {room, sizeof room};
	struct mmsghdr many = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};

	try(readv(ends[0], bad, 1));
	try(writev(ends[1], bad, 1));
	try(preadv2(ends[0], bad, 1, -1, 0));
	try(pwritev2(ends[1], bad, 1, -1, 0));
	try(recvmmsg(pair[0], &many, 1, 0, bad));
	try(connect(stream, bad, 16));
	try(mq_timedreceive(queue, room, sizeof room, NULL, bad));
	try(syscall(SYS_recvmmsg, pair[0], &many, 1, 0, bad));
	try(syscall(SYS_futex, &word, FUTEX_WAIT, 5, bad));
	try(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, bad));
	try(syscall(SYS_futex, bad, FUTEX_WAIT, 5, NULL));
	try(syscall(SYS_futex, bad, FUTEX_WAIT_PRIVATE, 5, NULL));
}

/* A child's end is taken also if nobody can be told of it. What waitid writes when there is no child. */
static void children(void)
{
	siginfo_t info;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	expect(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
	tell(waitid(P_PID, child, bad, WEXITED));
	memset(&info, 0x55, sizeof info);
	tell(waitid(P_PID, child, &info, WEXITED));
	printf("signal %d, code %d, child %d, status %d\n", info.si_signo, info.si_code, info.si_pid,
	    info.si_status);
}

int main(void)
{
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 8};
	char name[32];

	bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snprintf(name, sizeof name, "/bad-%d", getpid());
	queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
	expect(queue >= 0 && mq_unlink(name) == 0 && pipe(ends) == 0);
	expect(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	stream = socket(AF_INET, SOCK_STREAM, 0);
	ep = epoll_create1(0);
	for (int i = 0; i < 2; i++) {
		threads = i;
		printf("threads: %d\n", threads);
		waits();
		transfers();
	}
	children();
	start(idle, NULL);
	children();
	return 0;
}
