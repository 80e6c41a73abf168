/*
 * What the iterative servers share: a listener on the port given (0: any, which is printed first).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int listen_on(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 1024) ||
	    getsockname(l, (struct sockaddr *)&a, &len)) {
		perror("listen");
		exit(1);
	}
	signal(SIGPIPE, SIG_IGN);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return l;
}
