/*
 * Blocking calls made through syscall(): they block their thread only, answer as the kernel does (time left written
 * back, sizes of signal sets checked), are no cancellation points, and know threads by the ids that gettid gives.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int fds[2], sockets[2];
static _Atomic int step, tid, handled;

/* Writes when the main thread is about to block. */
static void *writes(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 7; i++) {
		while (step < i)
			sched_yield();
		let_block();
		expect(syscall(SYS_write, fds[1], "x", 1L) == 1);
	}
	while (step < 8)
		sched_yield();
	let_block();
	expect(syscall(SYS_sendto, sockets[1], "hello", 5L, 0L, NULL, 0L) == 5);
	return NULL;
}

static long drained(long r)
{
	char c;

	expect(syscall(SYS_read, fds[0], &c, 1L) == 1);
	return r;
}

static void readiness(void)
{
	struct pollfd p = {.events = POLLIN};
	struct timespec second = {5, 0};
	struct timeval tv = {5, 0};
	uint64_t mask = 0;
	struct {
		void *mask;
		size_t size;
	} sized = {&mask, sizeof mask};
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);
	fd_set set;
	char c;

	p.fd = fds[0];
	step = 1;
	tell(syscall(SYS_read, fds[0], &c, 1L));
	step = 2;
	tell(drained(syscall(SYS_poll, &p, 1L, -1L)));
	step = 3;
	tell(drained(syscall(SYS_ppoll, &p, 1L, &second, &mask, 8L)));
	printf("left less %d\n", second.tv_sec < 5);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	step = 4;
	tell(drained(syscall(SYS_select, fds[0] + 1, &set, NULL, NULL, &tv)));
	printf("left less %d\n", tv.tv_sec < 5);
	second.tv_sec = 5;
	second.tv_nsec = 0;
	step = 5;
	tell(drained(syscall(SYS_pselect6, fds[0] + 1, &set, NULL, NULL, &second, &sized)));
	printf("left less %d\n", second.tv_sec < 5);
	epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e);
	step = 6;
	tell(drained(syscall(SYS_epoll_wait, ep, &e, 1L, -1L)));
	step = 7;
	tell(drained(syscall(SYS_epoll_pwait, ep, &e, 1L, -1L, &mask, 8L)));
	tell(syscall(SYS_ppoll, &p, 1L, &second, &mask, 16L));
	tell(syscall(SYS_epoll_pwait, ep, &e, 1L, -1L, &mask, 4L));
	tell(syscall(SYS_close, ep));
	tell(syscall(SYS_close, ep));
}

static void sockets_and_time(void)
{
	struct timespec ms = {0, 2000000}, bad = {0, 2000000000};
	char buffer[10];

	step = 8;
	tell(syscall(SYS_recvfrom, sockets[0], buffer, sizeof buffer, 0L, NULL, NULL));
	tell(syscall(SYS_recvfrom, sockets[0], buffer, sizeof buffer, (long)MSG_DONTWAIT, NULL, NULL));
	tell(syscall(SYS_nanosleep, &ms, NULL));
	tell(syscall(SYS_nanosleep, &bad, NULL));
	tell(syscall(SYS_clock_nanosleep, (long)CLOCK_MONOTONIC, 0L, &ms, NULL));
	tell(syscall(SYS_clock_nanosleep, 99L, 0L, &ms, NULL));
	tell(syscall(SYS_sched_yield));
	tell(syscall(SYS_fcntl, fds[0], (long)F_GETFD));
	tell(syscall(SYS_fcntl, 999L, (long)F_GETFD));
	tell(syscall(1000L));
	tell(syscall(SYS_getppid) == getppid());
}

static void on_signal(int signal)
{
	(void)signal;
	handled = syscall(SYS_gettid);
}

static void *reads_for_ever(void *arg)
{
	char c;

	(void)arg;
	tid = syscall(SYS_gettid);
	expect(tid == syscall(SYS_gettid) && tid != getpid());
	step = 20;
	long r = syscall(SYS_read, fds[0], &c, 1L);
	printf("read %ld %s, handled by itself %d\n", r, errno_name(errno), handled == tid);
	return NULL;
}

static void signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct timespec ms = {0, 2000000};
	uint64_t usr1 = 1ul << (SIGUSR1 - 1), usr2 = 1ul << (SIGUSR2 - 1), old = 0;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_t t = start(reads_for_ever, NULL);
	while (step < 20)
		sched_yield();
	let_block();
	tell(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
	join(t);
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, &old, 8L));
	tell(old);
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, &old, 8L));
	tell(old == usr2);
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, &old, 16L));
	tell(syscall(SYS_rt_sigtimedwait, &usr2, NULL, &ms, 8L));
	tell(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR2));
	tell(syscall(SYS_rt_sigtimedwait, &usr2, NULL, &ms, 8L));
}

static void *is_cancelled_later(void *arg)
{
	char c;

	(void)arg;
	step = 30;
	long r = syscall(SYS_read, fds[0], &c, 1L);
	printf("read %ld although cancelled\n", r);
	pthread_testcancel();
	return NULL;
}

static void *ends_raw(void *arg)
{
	syscall(SYS_exit, 0L);
	return arg;
}

static void raw_child(long number, long a, long b, long code)
{
	siginfo_t info;
	long pid = syscall(number, a, b, NULL, NULL, NULL);

	if (pid == 0) {
		join(start(writes, NULL + (step = 8)));
		syscall(SYS_exit, code);
	}
	tell(syscall(SYS_waitid, P_PID, pid, &info, WEXITED, NULL));
	printf("status %d\n", info.si_status);
}

static void ends(void)
{
	pthread_t t = start(is_cancelled_later, NULL);
	struct clone_args copies = {.exit_signal = SIGCHLD};
	int status;
	pid_t pid;

	while (step < 30)
		sched_yield();
	let_block();
	expect(pthread_cancel(t) == 0);
	let_block();
	expect(write(fds[1], "x", 1) == 1);
	printf("cancelled %d\n", join(t) == PTHREAD_CANCELED);
	pid = syscall(SYS_fork);
	if (pid == 0) {
		join(start(writes, NULL + (step = 8)));
		syscall(SYS_exit_group, 3L);
	}
	tell(syscall(SYS_wait4, pid, &status, 0L, NULL) == pid);
	printf("status %d\n", WEXITSTATUS(status));
	raw_child(SYS_clone, SIGCHLD, 0, 4);
	raw_child(SYS_clone3, (long)&copies, sizeof copies, 5);
	tell(syscall(SYS_clone3, NULL, sizeof copies));
	tell(syscall(SYS_clone3, &copies, 8L));
	t = start(ends_raw, NULL);
	pthread_join(t, NULL);
	puts("joined");
}

int main(void)
{
	alarm(15);
	expect(pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	pthread_t t = start(writes, NULL);
	readiness();
	sockets_and_time();
	join(t);
	signals();
	ends();
	return 0;
}
