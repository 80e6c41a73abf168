/*
 * An iterative echo server on the listener that it finds as its standard input, as inetd's and systemd's do: of any family.
 * Ends each connection with the family and length of the peer's address.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
	for (;;) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof peer;
		int c = accept(0, (struct sockaddr *)&peer, &len);
		char buf[1000];
		ssize_t n;

		if (c < 0)
			return 1;
		while ((n = read(c, buf, sizeof buf)) > 0)
			if (write(c, buf, n) < 0)
				break;
		dprintf(c, "%d %u", peer.ss_family, (unsigned)len);
		close(c);
	}
}
