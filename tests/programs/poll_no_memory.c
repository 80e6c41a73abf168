/*
 * poll and select wait also when the process may not map any more memory, however many descriptors they have.
 */
#include "check.h"

#include <poll.h>
#include <sys/resource.h>

enum { THREADS = 40, FDS = 2000 };

static struct pollfd fds[THREADS][FDS];
static int idle[2], go[2];
static pthread_barrier_t ready;

static void *waiter(void *mine)
{
	struct pollfd *f = mine;

	for (int i = 0; i < FDS; i++)
		f[i] = (struct pollfd){.fd = i ? idle[0] : go[0], .events = POLLIN};
	pthread_barrier_wait(&ready);
	expect(poll(f, FDS, -1) == 1);
	expect(f[0].revents == POLLIN);
	return mine;
}

int main(void)
{
	struct rlimit none = {4096, RLIM_INFINITY};
	pthread_t t[THREADS];

	expect(pipe(idle) == 0 && pipe(go) == 0);
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(waiter, fds[i]);
	usleep(1000);
	expect(setrlimit(RLIMIT_AS, &none) == 0);
	pthread_barrier_wait(&ready);
	usleep(20000);
	expect(write(go[1], "x", 1) == 1);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("done\n");
	return 0;
}
