/*
 * A server of streams with a thread for each connection: fdopen, then fgets and fprintf until the client goes.
 * "sum 1 2 3" is answered with the sum, anything else with its length. Usage: stdio_server PORT
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long sum(const char *numbers)
{
	long total = 0;
	char *end;

	for (long n = strtol(numbers, &end, 10); end != numbers; n = strtol(numbers, &end, 10)) {
		total += n;
		numbers = end;
	}
	return total;
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[500];

	setvbuf(out, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, in))
		if (!strncmp(line, "sum ", 4))
			fprintf(out, "%ld\n", sum(line + 4));
		else
			fprintf(out, "%zu bytes\n", strlen(line));
	fclose(in);
	fclose(out);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(argv[argc - 1]))};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
	pthread_t t;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1000)) {
		perror("listen");
		return 1;
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_create(&t, NULL, serve, (void *)(long)fd);
		pthread_detach(t);
	}
	perror("accept");
	return 1;
}
