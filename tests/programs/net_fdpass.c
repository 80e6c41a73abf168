/*
 * Descriptors passed by SCM_RIGHTS, between threads and to a child process, work at once on the other side, also when
 * the sender closes its own.
 */
#include "net.h"

#include <sys/wait.h>

static void send_fd(int via, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof control.space};

	memset(&control, 0, sizeof control);
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
	expect(sendmsg(via, &m, 0) == 1);
}

static int receive_fd(int via)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	    .msg_iovlen = 1,
	    .msg_control = control.space,
	    .msg_controllen = sizeof control.space};
	int fd;

	expect(recvmsg(via, &m, MSG_CMSG_CLOEXEC) == 1);
	expect(m.msg_controllen && CMSG_FIRSTHDR(&m)->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	expect(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	expect(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	return fd;
}

static void *echo_once_on_passed(void *arg)
{
	for (int i = 0; i < 20; i++) {
		char c;
		int fd = receive_fd(*(int *)arg);

		expect(read(fd, &c, 1) == 1);
		c++;
		expect(write(fd, &c, 1) == 1);
		close(fd);
	}
	return NULL;
}

int main(void)
{
	int via[2], fd[2], status;
	pthread_t t;
	pid_t child;
	char c;

	unix_pair(SOCK_STREAM, via);
	t = start(echo_once_on_passed, &via[1]);
	for (int i = 0; i < 20; i++) {
		unix_pair(SOCK_STREAM, fd);
		send_fd(via[0], fd[1]);
		close(fd[1]);
		sched_yield();
		expect(write(fd[0], "a", 1) == 1);
		expect(read(fd[0], &c, 1) == 1);
		putchar(c);
		expect(read(fd[0], &c, 1) == 0);
		close(fd[0]);
	}
	join(t);
	printf("\n");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		echo_once_on_passed(&via[1]);
		_exit(3);
	}
	for (int i = 0; i < 20; i++) {
		unix_pair(SOCK_STREAM, fd);
		send_fd(via[0], fd[1]);
		close(fd[1]);
		expect(write(fd[0], "p", 1) == 1);
		expect(read(fd[0], &c, 1) == 1);
		putchar(c);
		close(fd[0]);
	}
	expect(waitpid(child, &status, 0) == child);
	printf("\nchild %d\n", WEXITSTATUS(status));
	return 0;
}
