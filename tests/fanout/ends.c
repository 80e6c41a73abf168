/*
 * An iterative server with every way to end: a handler calls exit (q), main returns after SIGTERM has interrupted accept;
 * a handler may sleep half a second (s), make a thread (t), or accept on a listener of its own (l).
 */
#include "server.h"

#include <pthread.h>

static volatile sig_atomic_t told;

static void tell(int sig)
{
	told = sig;
}

static void goodbye(void)
{
	printf("goodbye\n");
}

static void *work(void *arg)
{
	usleep(100000);
	return arg;
}

static void handle(int c)
{
	pthread_t t;
	char how, port[32];
	int data;

	if (read(c, &how, 1) != 1)
		return;
	switch (how) {
	case 'q':
		exit(7);
	case 's':
		usleep(500000);
		break;
	case 't':
		if (pthread_create(&t, NULL, work, NULL) == 0)
			pthread_join(t, NULL);
		break;
	case 'l': {
		struct sockaddr_in a = {.sin_family = AF_INET};
		socklen_t len = sizeof a;
		int own = socket(AF_INET, SOCK_STREAM, 0);

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (bind(own, (struct sockaddr *)&a, len) || listen(own, 1) ||
		    getsockname(own, (struct sockaddr *)&a, &len))
			return;
		snprintf(port, sizeof port, "%d\n", ntohs(a.sin_port));
		if (write(c, port, strlen(port)) < 0)
			return;
		data = accept(own, NULL, NULL);
		if (data >= 0 && write(data, "data", 4) == 4)
			how = 'L';
		close(data);
		close(own);
	}
	}
	if (write(c, &how, 1) < 0)
		perror("write");
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);
	struct sigaction a = {.sa_handler = tell};
	long served = 0;

	atexit(goodbye);
	sigaction(SIGTERM, &a, NULL);
	while (!told) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			continue;
		handle(c);
		close(c);
		served++;
	}
	printf("told\n");
	return served > 0 ? 5 : 6;
}
