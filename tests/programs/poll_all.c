/*
 * poll, ppoll, select, pselect: results, time-outs, errors, many descriptors, several threads on the same ones.
 */
#include "net.h"

#include <signal.h>
#include <sys/select.h>

static int fd[2];

static void *write_late(void *arg)
{
	let_block();
	expect(write(*(int *)arg, "x", 1) == 1);
	return NULL;
}

static void *poll_one(void *arg)
{
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
	int n = poll(&p, 1, -1);

	return (void *)(long)(n * 1000 + p.revents);
}

static void *select_one(void *arg)
{
	int fd = *(int *)arg;
	struct timeval tv = {10, 0};
	fd_set r, e;

	FD_ZERO(&r);
	FD_SET(fd, &r);
	e = r;
	int n = select(fd + 1, &r, NULL, &e, &tv);
	expect(tv.tv_sec < 10); /* Linux gives the time left */
	return (void *)(long)(n * 1000 + !!FD_ISSET(fd, &r) * 10 + !!FD_ISSET(fd, &e));
}

static void polls(void)
{
	struct timespec ts = {0, 10000000}, bad = {0, -1};
	struct pollfd p[4];
	pthread_t t;
	char c;

	p[0] = (struct pollfd){.fd = fd[0], .events = POLLIN};
	p[1] = (struct pollfd){.fd = fd[1], .events = POLLOUT};
	p[2] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 77};
	p[3] = (struct pollfd){.fd = 999, .events = POLLIN};
	tell(poll(p, 1, 0));
	tell(poll(p, 1, 10));
	tell(ppoll(p, 1, &ts, NULL));
	tell(ppoll(p, 1, &bad, NULL));
	tell(poll(p, 3, -1));
	printf("%x %x %x\n", p[0].revents, p[1].revents, p[2].revents);
	tell(poll(p, 4, -1));
	printf("%x %x %x %x\n", p[0].revents, p[1].revents, p[2].revents, p[3].revents);
	tell(poll((void *)8, 1, 0));
	t = start(write_late, &fd[1]);
	tell(poll(p, 1, 10000));
	tell(read(fd[0], &c, 1));
	join(t);
	t = start(write_late, &fd[1]);
	ts.tv_sec = 10;
	tell(ppoll(p, 1, &ts, NULL));
	printf("time-out untouched: %d\n", ts.tv_sec == 10 && ts.tv_nsec == 10000000);
	tell(read(fd[0], &c, 1));
	join(t);
}

static void selects(void)
{
	struct timeval tv = {0, 10000}, bad = {-1, 0};
	struct timespec ts = {0, 10000000};
	fd_set r, w;
	pthread_t t;
	char c;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd[0], &r);
	FD_SET(fd[1], &w);
	tell(select(fd[1] + 1, &r, &w, NULL, NULL));
	printf("%d %d\n", !!FD_ISSET(fd[0], &r), !!FD_ISSET(fd[1], &w));
	FD_SET(fd[0], &r);
	tell(select(fd[0] + 1, &r, NULL, NULL, &tv));
	printf("%d\n", !!FD_ISSET(fd[0], &r));
	FD_SET(fd[0], &r);
	tell(pselect(fd[0] + 1, &r, NULL, NULL, &ts, NULL));
	FD_SET(40, &r); /* not open */
	tell(select(41, &r, NULL, NULL, NULL));
	FD_CLR(40, &r);
	tell(select(-1, NULL, NULL, NULL, NULL));
	tell(select(1, NULL, NULL, NULL, &bad));
	FD_SET(fd[0], &r);
	t = start(write_late, &fd[1]);
	tell(select(fd[0] + 1, &r, NULL, NULL, NULL));
	tell(read(fd[0], &c, 1));
	join(t);
}

static void together(void)
{
	pthread_t t[6];
	int p[2];

	unix_pair(SOCK_STREAM, p);
	for (int i = 0; i < 6; i++)
		t[i] = start(i % 2 ? poll_one : select_one, &p[0]);
	let_block();
	expect(write(p[1], "x", 1) == 1);
	for (int i = 0; i < 6; i++)
		printf("%ld ", (long)join(t[i]));
	close(p[1]);
	printf("hung up: %ld\n", (long)join(start(poll_one, &p[0])));
	close(p[0]);
}

static void many(void)
{
	enum { N = 300 };
	static int pipes[N][2];
	static struct pollfd p[N];
	char c;

	for (int i = 0; i < N; i++) {
		expect(pipe(pipes[i]) == 0);
		p[i] = (struct pollfd){.fd = pipes[i][0], .events = POLLIN};
	}
	for (int i = 0; i < N; i += 50) {
		pthread_t t = start(write_late, &pipes[(i * 7 + 3) % N][1]);
		expect(poll(p, N, -1) == 1);
		for (int j = 0; j < N; j++)
			if (p[j].revents) {
				printf("%d ", j);
				expect(read(p[j].fd, &c, 1) == 1);
			}
		join(t);
	}
	printf("\n");
}

static void files(void)
{
	struct pollfd p = {.fd = open("/proc/self/exe", O_RDONLY), .events = POLLIN | POLLOUT};

	tell(poll(&p, 1, -1));
	printf("%x\n", p.revents);
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

/* The mask is in force exactly while the call waits. */
static void masks(void)
{
	pthread_t self = pthread_self(), t;
	struct timespec never = {30, 0};
	sigset_t blocked, none;

	signal(SIGUSR1, on_usr1);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	tell(ppoll(NULL, 0, &never, &none));
	t = start(kill_later, &self);
	tell(pselect(0, NULL, NULL, NULL, &never, &none));
	join(t);
	raise(SIGUSR1);
	never.tv_sec = 0;
	tell(ppoll(NULL, 0, &never, &blocked));
	pthread_sigmask(SIG_BLOCK, NULL, &none);
	printf("blocked again %d\n", sigismember(&none, SIGUSR1));
	sigpending(&none);
	printf("pending %d\n", sigismember(&none, SIGUSR1));
}

int main(void)
{
	expect(pipe(fd) == 0);
	polls();
	selects();
	together();
	many();
	files();
	masks();
	return 0;
}
