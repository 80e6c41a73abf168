/*
 * epoll descriptors in one another, as deep as the kernel allows.
 */
#include "net.h"

#include <sys/epoll.h>

enum { DEEP = 5 };

static int p[2];

static void *write_late(void *arg)
{
	(void)arg;
	let_block();
	expect(write(p[1], "x", 1) == 1);
	return NULL;
}

static void *wait_on(void *arg)
{
	struct epoll_event event;

	return (void *)(long)epoll_wait(*(int *)arg, &event, 1, 10000);
}

int main(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ep[DEEP], below;
	pthread_t t;

	expect(pipe(p) == 0);
	below = p[0];
	for (int i = 0; i < DEEP; i++) {
		ep[i] = epoll_create1(0);
		expect(epoll_ctl(ep[i], EPOLL_CTL_ADD, below, &event) == 0);
		below = ep[i];
	}
	for (int i = 0; i < DEEP; i++) {
		char c;

		t = start(write_late, NULL);
		printf("depth %d: %ld\n", i, (long)join(start(wait_on, &ep[i])));
		join(t);
		expect(read(p[0], &c, 1) == 1);
		event.events = EPOLLIN;
	}
	below = epoll_create1(0);
	tell(epoll_ctl(below, EPOLL_CTL_ADD, ep[DEEP - 1], &event));
	return 0;
}
