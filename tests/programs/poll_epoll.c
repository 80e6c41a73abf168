/*
 * The program's own epoll: level, edge and one-shot, nested, several waiters, a descriptor closed under it, changes
 * while somebody waits.
 */
#include "net.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;

static void add(int e, int fd, unsigned events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	expect(epoll_ctl(e, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void *wait_one(void *arg)
{
	struct epoll_event event = {0};
	int n = epoll_wait(ep, &event, 1, (int)(long)arg);

	return (void *)(long)(n * 1000 + (int)event.events);
}

static void *write_late(void *arg)
{
	let_block();
	expect(write(*(int *)arg, "x", 1) == 1);
	return NULL;
}

static void levels(void)
{
	struct epoll_event event[8];
	int fd[2];
	char c;

	ep = epoll_create1(EPOLL_CLOEXEC);
	expect(pipe(fd) == 0);
	add(ep, fd[0], EPOLLIN);
	tell(epoll_wait(ep, event, 8, 0));
	tell(epoll_wait(ep, event, 8, 10));
	pthread_t t = start(write_late, &fd[1]);
	tell(epoll_wait(ep, event, 8, -1));
	join(t);
	tell(epoll_wait(ep, event, 8, -1)); /* level: still there */
	expect(read(fd[0], &c, 1) == 1);
	tell(epoll_wait(ep, event, 8, 0));
	expect(write(fd[1], "x", 1) == 1);
	close(fd[1]);
	tell(epoll_pwait(ep, event, 8, -1, NULL));
	printf("%x\n", event[0].events);
	close(fd[0]);
	tell(epoll_wait(ep, event, 8, 0)); /* closing takes it out */
	tell(epoll_wait(ep, event, 0, 0));
	tell(epoll_wait(fd[0], event, 8, 0));
	tell(epoll_wait(0, event, 8, 0));
	close(ep);
}

static void edges(void)
{
	struct epoll_event event[8];
	int fd[2], once[2];
	char c;

	ep = epoll_create(1);
	unix_pair(SOCK_STREAM, fd);
	unix_pair(SOCK_STREAM, once);
	add(ep, fd[0], EPOLLIN | EPOLLET);
	expect(write(fd[1], "xy", 2) == 2);
	tell(epoll_wait(ep, event, 8, -1));
	tell(epoll_wait(ep, event, 8, 10)); /* no new edge */
	pthread_t t = start(write_late, &fd[1]);
	tell(epoll_wait(ep, event, 8, -1));
	join(t);
	add(ep, once[0], EPOLLIN | EPOLLONESHOT);
	expect(write(once[1], "z", 1) == 1);
	tell(epoll_wait(ep, event, 8, -1));
	tell(epoll_wait(ep, event, 8, 10)); /* shot */
	event[0] = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.fd = once[0]};
	expect(epoll_ctl(ep, EPOLL_CTL_MOD, once[0], &event[0]) == 0);
	tell(epoll_wait(ep, event, 8, -1));
	expect(read(once[0], &c, 1) == 1);
	close(ep);
}

static void nested(void)
{
	struct epoll_event event;
	int inner = epoll_create1(0), fd = eventfd(0, 0);
	pthread_t t;

	ep = epoll_create1(0);
	add(inner, fd, EPOLLIN);
	add(ep, inner, EPOLLIN);
	struct pollfd p = {.fd = ep, .events = POLLIN};
	tell(poll(&p, 1, 0));
	t = start(wait_one, (void *)-1L);
	let_block();
	expect(eventfd_write(fd, 1) == 0);
	printf("outer %ld\n", (long)join(t));
	tell(poll(&p, 1, -1));
	tell(epoll_wait(inner, &event, 1, 0));
	close(ep);
	close(inner);
	close(fd);
}

static void waiters(void)
{
	int fd = eventfd(0, 0), got = 0, late[2];
	pthread_t t[4];

	ep = epoll_create1(0);
	add(ep, fd, EPOLLIN | EPOLLET);
	for (int i = 0; i < 4; i++)
		t[i] = start(wait_one, (void *)200L);
	let_block();
	expect(eventfd_write(fd, 1) == 0);
	for (int i = 0; i < 4; i++)
		got += (long)join(t[i]) > 0;
	printf("one edge wakes one: %d\n", got >= 1 && got <= 2);
	expect(pipe(late) == 0);
	t[0] = start(wait_one, (void *)-1L);
	let_block();
	add(ep, late[0], EPOLLIN); /* added while somebody waits */
	expect(write(late[1], "x", 1) == 1);
	printf("added under the wait: %ld\n", (long)join(t[0]));
	close(ep);
}

static void on_usr1(int signal)
{
	(void)signal;
}

static void *kill_later(void *arg)
{
	let_block();
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

static void masks(void)
{
	struct timespec ts = {0, 10000000};
	pthread_t self = pthread_self(), t;
	struct epoll_event event;
	sigset_t none, usr1;

	ep = epoll_create1(0);
	signal(SIGUSR1, on_usr1);
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	t = start(kill_later, &self);
	tell(epoll_pwait(ep, &event, 1, 10000, &none));
	join(t);
	tell(epoll_pwait2(ep, &event, 1, &ts, NULL));
	raise(SIGUSR1);
	tell(epoll_pwait2(ep, &event, 1, NULL, &none));
	close(ep);
}

int main(void)
{
	levels();
	edges();
	nested();
	waiters();
	masks();
	return 0;
}
