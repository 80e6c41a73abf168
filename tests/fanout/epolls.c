/*
 * An iterative echo server that waits for its listener with epoll; with a second argument the listener does not block.
 */
#include "server.h"

#include <fcntl.h>
#include <sys/epoll.h>

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv), ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	if (argc > 2)
		fcntl(l, F_SETFL, O_NONBLOCK);
	epoll_ctl(ep, EPOLL_CTL_ADD, l, &event);
	for (;;) {
		char buf[8192];
		ssize_t n;
		int c;

		if (epoll_wait(ep, &event, 1, -1) != 1 || (c = accept(l, NULL, NULL)) < 0)
			continue;
		while ((n = read(c, buf, sizeof buf)) > 0)
			if (write(c, buf, n) < 0)
				break;
		close(c);
	}
}
