/*
 * Echo server, one thread and epoll: a limit to compare with. Prints its port.
 */
#include <sys/epoll.h>

#include "echo_server.h"

static void serve(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n > 0 && send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
		return;
	if (n >= 0)
		close(fd);
}

int main(void)
{
	struct epoll_event e = {.events = EPOLLIN}, events[256];
	int listener = listen_somewhere(), ep = epoll_create1(0);

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
			no_delay(e.data.fd);
			epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e);
		}
	}
}
