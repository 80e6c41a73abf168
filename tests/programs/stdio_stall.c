/* A server of streams, a thread for each connection: clients that send half a line and stall delay neither the others
 * nor a ticking thread, whatever call the stalled threads read with. */
#include "check.h"

#include <sys/socket.h>

enum { STALLED = 150, SERVED = 50, REQUESTS = 20 };

static void *serve(void *arg)
{
	FILE *f = fdopen((int)(long)arg, "r+");
	char line[200];

	while (fgets(line, sizeof(line), f)) {
		fprintf(f, "echo %s", line);
		fflush(f);
	}
	fclose(f);
	return NULL;
}

struct stalled {
	int fd, how;
};

static void *serve_stalled(void *arg)
{
	struct stalled *s = arg;
	FILE *f = fdopen(s->fd, "r");
	char line[200], *grown = NULL;
	size_t size = 0;
	long n = 0;
	int c;

	switch (s->how) {
	case 0:
		n = fgets(line, sizeof(line), f) ? (long)strlen(line) : -1;
		break;
	case 1:
		n = getline(&grown, &size, f);
		break;
	case 2:
		n = fread(line, 1, 30, f);
		break;
	case 3:
		while ((c = getc(f)) != EOF && c != '\n')
			n++;
		n++;
		break;
	case 4:
		n = fscanf(f, "%99s %99[^\n]", line, line) + 22;
		break;
	}
	free(grown);
	fclose(f);
	return (void *)n;
}

static int connection(int *client)
{
	int p[2];

	expect(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	*client = p[1];
	return p[0];
}

static long talk(int fd, int id)
{
	char line[50], expected[100], answer[100];
	long good = 0;

	for (int i = 0; i < REQUESTS; i++) {
		size_t n = snprintf(line, sizeof(line), "client %d request %d\n", id, i), got = 0;
		snprintf(expected, sizeof(expected), "echo %s", line);
		expect(write(fd, line, n) == (ssize_t)n);
		while (got < n + 5) {
			ssize_t r = read(fd, answer + got, sizeof(answer) - got);
			expect(r > 0);
			got += r;
		}
		answer[got] = 0;
		good += !strcmp(answer, expected);
	}
	close(fd);
	return good;
}

static int clients[SERVED];

static void *client(void *arg)
{
	return (void *)talk(clients[(long)arg], (long)arg);
}

int main(void)
{
	static struct stalled stalled[STALLED];
	pthread_t stalled_threads[STALLED], servers[SERVED], client_threads[SERVED],
	    ticker = start(tick_beside, NULL);
	int stalled_clients[STALLED];
	long sums[5] = {0}, good = 0;

	for (int i = 0; i < STALLED; i++) {
		stalled[i] = (struct stalled){connection(&stalled_clients[i]), i % 5};
		expect(write(stalled_clients[i], "half a line, ", 13) == 13);
		stalled_threads[i] = start(serve_stalled, &stalled[i]);
	}
	let_block();
	for (int i = 0; i < SERVED; i++)
		servers[i] = start(serve, (void *)(long)connection(&clients[i]));
	for (long i = 0; i < SERVED; i++)
		client_threads[i] = start(client, (void *)i);
	for (int i = 0; i < SERVED; i++) {
		good += (long)join(client_threads[i]);
		join(servers[i]);
	}
	printf("served %ld of %d\n", good, SERVED * REQUESTS);
	for (int i = 0; i < STALLED; i++)
		expect(write(stalled_clients[i], "the rest\nof.....", 17) == 17);
	for (int i = 0; i < STALLED; i++) {
		sums[i % 5] += (long)join(stalled_threads[i]);
		close(stalled_clients[i]);
	}
	printf("fgets %ld, getline %ld, fread %ld, getc %ld, fscanf %ld\n", sums[0], sums[1], sums[2],
	    sums[3], sums[4]);
	printf("ticks: %s\n", ticks_beside(ticker, 3));
	return 0;
}
