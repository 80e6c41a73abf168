/*
 * Echo server, one thread and epoll: a limit to compare with. Prints its port. Usage: echo_epoll [PORT]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void serve(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n > 0 && send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
		return;
	if (n >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
	struct epoll_event e = {.events = EPOLLIN}, events[256];
	struct rlimit files = {1 << 20, 1 << 20};
	int listener = socket(AF_INET, SOCK_STREAM, 0), ep = epoll_create1(0), on = 1;
	socklen_t len = sizeof a;

	setrlimit(RLIMIT_NOFILE, &files);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 4096))
		return 1;
	getsockname(listener, (struct sockaddr *)&a, &len);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	e.data.fd = listener;
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(ep, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd != listener) {
				serve(events[i].data.fd);
				continue;
			}
			e.data.fd = accept(listener, NULL, NULL);
			setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e);
		}
	}
}
