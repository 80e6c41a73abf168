/*
 * An echo server with a thread for each connection that counts its SIGUSR1 and adds up their values, in a file that the
 * sender of the signals maps too. Calls that a signal interrupts are made again. Usage: signal_server PORT FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct counts {
	_Atomic long handled, sum;
};

static struct counts *counts;

static void count(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	counts->sum += info->si_value.sival_int;
	counts->handled++;
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	char data[4096];
	ssize_t n, sent;

	while ((n = read(fd, data, sizeof data)) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t done = 0; done<n; done += sent> 0 ? sent : 0)
			if ((sent = write(fd, data + done, (size_t)(n - done))) < 0 && errno != EINTR)
				break;
	close(fd);
	return NULL;
}

static int listen_on(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1000)) {
		perror("listen");
		exit(1);
	}
	return listener;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
	int listener, fd;
	pthread_t t;

	if (argc < 3)
		return 2;
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[2], O_RDWR), 0);
	if (counts == MAP_FAILED)
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	listener = listen_on(atoi(argv[1]));
	while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == EINTR) {
		if (fd < 0)
			continue;
		pthread_create(&t, NULL, serve, (void *)(long)fd);
		pthread_detach(t);
	}
	perror("accept");
	return 1;
}
