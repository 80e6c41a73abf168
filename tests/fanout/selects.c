/*
 * An iterative server that selects on two listeners before it accepts and, with a time-out, on the connection; the
 * second listener is made first-come. A port for each is printed.
 */
#include "server.h"

#include <sys/select.h>

static void handle(int c)
{
	char buf[4096];
	fd_set set;
	ssize_t n;

	for (;;) {
		struct timeval patience = {30, 0};

		FD_ZERO(&set);
		FD_SET(c, &set);
		if (select(c + 1, &set, NULL, NULL, &patience) != 1 || !FD_ISSET(c, &set))
			return;
		n = recv(c, buf, sizeof buf, 0);
		if (n <= 0 || send(c, buf, n, 0) != n)
			return;
	}
}

int main(int argc, char **argv)
{
	int l[2] = {listen_on(argc, argv), listen_on(0, NULL)};

	for (;;) {
		struct timeval tick = {0, 300000};
		fd_set set;

		FD_ZERO(&set);
		FD_SET(l[0], &set);
		FD_SET(l[1], &set);
		if (select((l[0] > l[1] ? l[0] : l[1]) + 1, &set, NULL, NULL, &tick) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			int c = FD_ISSET(l[i], &set) ? accept(l[i], NULL, NULL) : -1;

			if (c < 0)
				continue;
			handle(c);
			close(c);
		}
	}
}
