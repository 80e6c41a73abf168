/*
 * A textbook iterative echo server: one connection after the other, echoed byte for byte until the client has sent its
 * last. Says which connection it served, and ends after as many as it was told to (default: never).
 */
#include "server.h"

static long serve(int c)
{
	char buf[8192];
	ssize_t n;
	long sum = 0;

	while ((n = read(c, buf, sizeof buf)) > 0) {
		for (ssize_t done = 0, k; done < n; done += k)
			if ((k = write(c, buf + done, n - done)) < 0)
				return sum;
		sum += n;
	}
	return sum;
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);
	long most = argc > 2 ? atol(argv[2]) : -1;

	for (long served = 0; served != most; served++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof peer;
		int c = accept(l, (struct sockaddr *)&peer, &len);

		if (c < 0)
			return 1;
		if (peer.sin_family != AF_INET || len != sizeof peer)
			return 2;
		long n = serve(c);
		close(c);
		if (most > 0)
			printf("connection %ld: %ld bytes\n", served + 1, n);
	}
	return 0;
}
