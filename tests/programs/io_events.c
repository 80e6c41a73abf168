/*
 * eventfd, timerfd, signalfd, inotify and pidfd: blocking reads in threads, counters, semaphore mode, errors.
 */
#include "net.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static void *read_number(void *arg)
{
	uint64_t n = 0;

	expect(read(*(int *)arg, &n, 8) == 8);
	return (void *)n;
}

static void *write_number(void *arg)
{
	uint64_t n = 5;

	expect(write(*(int *)arg, &n, 8) == 8);
	return NULL;
}

static void eventfds(void)
{
	int fd = eventfd(0, 0), semaphore = eventfd(0, EFD_SEMAPHORE);
	uint64_t n = 3, full = UINT64_MAX - 1;
	eventfd_t value;
	pthread_t t[3];

	t[0] = start(read_number, &fd);
	let_block();
	tell(write(fd, &n, 8));
	printf("read %ld\n", (long)join(t[0]));
	for (int i = 0; i < 3; i++)
		t[i] = start(read_number, &semaphore);
	let_block();
	tell(write(semaphore, &n, 8));
	for (int i = 0; i < 3; i++)
		printf("semaphore %ld\n", (long)join(t[i]));
	expect(write(fd, &full, 8) == 8);
	t[0] = start(write_number, &fd);
	let_block();
	tell(eventfd_read(fd, &value));
	printf("full: %d\n", value == full);
	join(t[0]);
	tell(eventfd_read(fd, &value));
	printf("then %ld\n", (long)value);
	tell(read(fd, &n, 4));
	full++;
	tell(write(fd, &full, 8));
	tell(eventfd_write(fd, 1));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	expect(read(fd, &n, 8) == 8);
	tell(read(fd, &n, 8));
	close(fd);
	close(semaphore);
}

static void timerfds(void)
{
	struct itimerspec soon = {.it_value = {0, 10000000}}, every = {{0, 3000000}, {0, 3000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;
	pthread_t t;

	expect(timerfd_settime(fd, 0, &soon, NULL) == 0);
	t = start(read_number, &fd);
	printf("expired %ld\n", (long)join(t));
	expect(timerfd_settime(fd, 0, &every, NULL) == 0);
	uint64_t sum = 0;
	while (sum < 5) {
		expect(read(fd, &n, 8) == 8);
		sum += n;
	}
	printf("periodic\n");
	close(fd);
}

static void *read_signal(void *arg)
{
	struct signalfd_siginfo info;

	expect(read(*(int *)arg, &info, sizeof info) == sizeof info);
	return (void *)(long)info.ssi_signo;
}

static void signalfds(void)
{
	sigset_t set;
	pthread_t t;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, 0);
	t = start(read_signal, &fd);
	let_block();
	expect(kill(getpid(), SIGUSR1) == 0);
	printf("signal %d\n", (long)join(t) == SIGUSR1);
	close(fd);
}

static void *read_inotify(void *arg)
{
	char buf[1024] __attribute__((aligned(8)));
	struct inotify_event *event = (void *)buf;

	expect(read(*(int *)arg, buf, sizeof buf) > 0);
	printf("%s appeared %d\n", event->name, event->mask == IN_CREATE);
	return NULL;
}

static void inotifies(void)
{
	int fd = inotify_init1(0);
	pthread_t t;

	expect(inotify_add_watch(fd, ".", IN_CREATE) > 0);
	t = start(read_inotify, &fd);
	let_block();
	close(creat("new-file", 0600));
	join(t);
	close(fd);
}

static void pidfds(void)
{
	pid_t child = fork();
	struct pollfd p;
	siginfo_t info;

	if (child == 0) {
		sleep_ms(10);
		_exit(4);
	}
	p = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
	expect(p.fd >= 0);
	tell(poll(&p, 1, 10000));
	tell(waitid(P_PIDFD, (id_t)p.fd, &info, WEXITED));
	printf("status %d\n", info.si_status);
	close(p.fd);
}

int main(void)
{
	eventfds();
	timerfds();
	signalfds();
	inotifies();
	pidfds();
	return 0;
}
