/*
 * The table of signal(7): which blocking calls a handler interrupts, without SA_RESTART and with it. A call that is
 * restarted sees three handlers run and then what it waits for. The thread that blocks is once a thread, once main.
 */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static volatile int handled;
static _Atomic int phase; /* 1: in the call, 2: it has returned */
static int pipe_in[2], full[2], pair[2], datagrams[2], listening, event, queue_id, semaphores, lock_fd;
static pid_t child;
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool signalled;
static char byte[1 << 16];

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

/* ---- the calls: block until release() ---- */

static long call_read(void)
{
	return read(pipe_in[0], byte, 1);
}

static long call_readv(void)
{
	struct iovec v = {byte, 1};

	return readv(pipe_in[0], &v, 1);
}

static long call_write(void)
{
	return write(full[1], byte, 1);
}

static long call_recv(void)
{
	return recv(pair[0], byte, 1, 0);
}

static long call_recvfrom(void)
{
	return recvfrom(datagrams[0], byte, 1, 0, NULL, NULL);
}

static long call_recvmsg(void)
{
	struct iovec v = {byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	return recvmsg(pair[0], &m, 0);
}

static void time_limit(int seconds)
{
	struct timeval limit = {seconds, 0};

	expect(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
}

static long call_recv_limited(void)
{
	long r;

	time_limit(60);
	r = recv(pair[0], byte, 1, 0);
	time_limit(0);
	return r;
}

static long call_accept(void)
{
	int fd = accept(listening, NULL, NULL);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 1;
}

static long call_poll(void)
{
	struct pollfd p = {pipe_in[0], POLLIN, 0};

	return poll(&p, 1, 60000);
}

static long call_ppoll(void)
{
	struct pollfd p = {pipe_in[0], POLLIN, 0};
	struct timespec limit = {60, 0};
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&p, 1, &limit, &none);
}

static long call_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_in[0], &set);
	return select(pipe_in[0] + 1, &set, NULL, NULL, NULL);
}

static long call_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0), r, error;

	epoll_ctl(ep, EPOLL_CTL_ADD, pipe_in[0], &e);
	r = epoll_wait(ep, &e, 1, 60000);
	error = errno;
	close(ep);
	errno = error;
	return r;
}

static long call_nanosleep(void)
{
	struct timespec t = {60, 0}, left = {0, 0};
	int r = nanosleep(&t, &left);

	expect(r == 0 || (left.tv_sec >= 50 && left.tv_sec < 60));
	return r;
}

static long call_clock_nanosleep(void)
{
	struct timespec t = clock_in(CLOCK_MONOTONIC, 60000);

	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return errno ? -1 : 0;
}

static long call_sleep(void)
{
	unsigned left = sleep(60);

	errno = EINTR;
	return left >= 50 ? -1 : 0;
}

static long call_usleep(void)
{
	return usleep(60000000);
}

static long call_pause(void)
{
	return pause();
}

static long call_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long call_sigtimedwait(void)
{
	struct timespec limit = {60, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	return sigtimedwait(&set, NULL, &limit);
}

static long call_sem_wait(void)
{
	return sem_wait(&semaphore);
}

static long call_sem_timedwait(void)
{
	struct timespec t = clock_in(CLOCK_REALTIME, 60000);

	return sem_timedwait(&semaphore, &t);
}

static long call_mutex(void)
{
	int r = pthread_mutex_lock(&mutex);

	if (r == 0)
		pthread_mutex_unlock(&mutex);
	return r;
}

static long call_cond(void)
{
	int r = 0;

	pthread_mutex_lock(&mutex);
	while (!signalled && r == 0)
		r = pthread_cond_wait(&cond, &mutex);
	signalled = false;
	pthread_mutex_unlock(&mutex);
	return r;
}

static long call_waitpid(void)
{
	return waitpid(child, NULL, 0) > 0 ? 1 : -1;
}

static long call_wait(void)
{
	return wait(NULL) > 0 ? 1 : -1;
}

static long call_flock(void)
{
	int fd = open("/proc/self/exe", O_RDONLY), r, error;

	r = flock(fd, LOCK_EX);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

static long call_msgrcv(void)
{
	return msgrcv(queue_id, byte, 1, 0, 0);
}

static long call_semop(void)
{
	struct sembuf take = {0, -1, 0};

	return semop(semaphores, &take, 1);
}

static long call_eventfd(void)
{
	eventfd_t value;

	return eventfd_read(event, &value);
}

static long call_fgets(void)
{
	FILE *f = fdopen(dup(pipe_in[0]), "r");
	long r;

	setvbuf(f, NULL, _IONBF, 0);
	r = fgetc(f) == EOF ? -1 : 1;
	int error = errno;
	fclose(f);
	errno = error;
	return r;
}

/* ---- what they wait for ---- */

static void release_pipe(void)
{
	expect(write(pipe_in[1], "x", 1) == 1);
}

static void release_full(void)
{
	expect(read(full[0], byte, sizeof byte) > 0);
}

static void release_pair(void)
{
	expect(send(pair[1], "x", 1, 0) == 1);
}

static void release_datagrams(void)
{
	expect(send(datagrams[1], "x", 1, 0) == 1);
}

static void release_accept(void)
{
	struct sockaddr_un name;
	socklen_t size = sizeof name;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	expect(getsockname(listening, (struct sockaddr *)&name, &size) == 0);
	expect(connect(fd, (struct sockaddr *)&name, size) == 0);
	close(fd);
}

static void release_sem(void)
{
	sem_post(&semaphore);
}

static void release_mutex(void)
{
	pthread_mutex_unlock(&mutex);
}

static void release_cond(void)
{
	pthread_mutex_lock(&mutex);
	signalled = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
}

static void release_child(void)
{
	kill(child, SIGKILL);
}

static void release_flock(void)
{
	flock(lock_fd, LOCK_UN);
}

static void release_msg(void)
{
	struct {
		long type;
		char text[1];
	} m = {1, "x"};

	expect(msgsnd(queue_id, &m, 1, 0) == 0);
}

static void release_semop(void)
{
	struct sembuf give = {0, 1, 0};

	expect(semop(semaphores, &give, 1) == 0);
}

static void release_event(void)
{
	eventfd_write(event, 1);
}

static void never(void)
{
	printf("never released\n");
	exit(1);
}

/* ---- before ---- */

static void nothing(void)
{
}

static void fill(void)
{
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], byte, sizeof byte) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
}

static void make_child(void)
{
	child = fork();
	if (child == 0)
		for (;;)
			pause();
}

static void end_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void hold_mutex(void)
{
	pthread_mutex_lock(&mutex);
}

static void hold_flock(void)
{
	flock(lock_fd, LOCK_EX);
}

struct row {
	const char *name;
	long (*call)(void);
	void (*release)(void);
	void (*before)(void);
	void (*after)(void); /* undo before, if the call was interrupted */
};

static const struct row rows[] = {
    {"read", call_read, release_pipe, nothing, nothing},
    {"readv", call_readv, release_pipe, nothing, nothing},
    {"write", call_write, release_full, fill, nothing},
    {"recv", call_recv, release_pair, nothing, nothing},
    {"recvfrom", call_recvfrom, release_datagrams, nothing, nothing},
    {"recvmsg", call_recvmsg, release_pair, nothing, nothing},
    {"recv, SO_RCVTIMEO", call_recv_limited, release_pair, nothing, nothing},
    {"accept", call_accept, release_accept, nothing, nothing},
    {"poll", call_poll, release_pipe, nothing, nothing},
    {"ppoll", call_ppoll, release_pipe, nothing, nothing},
    {"select", call_select, release_pipe, nothing, nothing},
    {"epoll_wait", call_epoll, release_pipe, nothing, nothing},
    {"nanosleep", call_nanosleep, never, nothing, nothing},
    {"clock_nanosleep", call_clock_nanosleep, never, nothing, nothing},
    {"sleep", call_sleep, never, nothing, nothing},
    {"usleep", call_usleep, never, nothing, nothing},
    {"pause", call_pause, never, nothing, nothing},
    {"sigsuspend", call_sigsuspend, never, nothing, nothing},
    {"sigtimedwait", call_sigtimedwait, never, nothing, nothing},
    {"sem_wait", call_sem_wait, release_sem, nothing, nothing},
    {"sem_timedwait", call_sem_timedwait, release_sem, nothing, nothing},
    {"pthread_mutex_lock", call_mutex, release_mutex, hold_mutex, nothing},
    {"pthread_cond_wait", call_cond, release_cond, nothing, nothing},
    {"waitpid", call_waitpid, release_child, make_child, end_child},
    {"wait", call_wait, release_child, make_child, end_child},
    {"flock", call_flock, release_flock, hold_flock, release_flock},
    {"msgrcv", call_msgrcv, release_msg, nothing, nothing},
    {"semop", call_semop, release_semop, nothing, nothing},
    {"eventfd_read", call_eventfd, release_event, nothing, nothing},
    {"fgetc", call_fgets, release_pipe, nothing, nothing},
};

/* ---- one row ---- */

static void *caller(void *arg)
{
	const struct row *row = arg;
	long r;

	phase = 1;
	errno = 0;
	r = row->call();
	int error = errno;
	phase = 2;
	printf(" %s", r == -1 ? errno_name(error) : "restarted");
	return NULL;
}

struct sender {
	const struct row *row;
	pthread_t target;
};

/* Signals until the call has returned, or has run three handlers and goes on: then it gets what it waits for. */
static void *sender(void *arg)
{
	struct sender *s = arg;
	int seen = 0;

	while (phase == 0)
		sleep_ms(1);
	while (phase == 1) {
		let_block();
		if (phase == 1 && handled == seen)
			pthread_kill(s->target, SIGUSR1);
		for (int i = 0; i < 100 && handled == seen && phase == 1; i++)
			sleep_ms(1);
		seen = handled;
		if (seen == 3)
			break;
	}
	let_block();
	if (phase == 1)
		s->row->release();
	return NULL;
}

static void try(const struct row *row, int flags, bool in_main)
{
	struct sigaction act = {.sa_handler = on_usr1, .sa_flags = flags};
	struct sender s = {row, pthread_self()};
	pthread_t t = 0;

	sigaction(SIGUSR1, &act, NULL);
	handled = 0;
	phase = 0;
	if (row->before == hold_mutex && in_main) {
		printf(" -");
		return;
	}
	row->before();
	if (in_main) {
		t = start(sender, &s);
		caller((void *)row);
		join(t);
	} else {
		s.target = start(caller, (void *)row);
		sender(&s);
		join(s.target);
	}
	expect(handled >= 1 && handled <= 3);
	if (handled < 3)
		row->after();
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	expect(pipe(pipe_in) == 0 && pipe(full) == 0);
	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams) == 0);
	listening = socket(AF_UNIX, SOCK_STREAM, 0);
	expect(bind(listening, (struct sockaddr *)&name, sizeof name.sun_family) == 0 && listen(listening, 5) == 0);
	event = eventfd(0, 0);
	queue_id = msgget(IPC_PRIVATE, 0600);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	lock_fd = open("/proc/self/exe", O_RDONLY);
	sem_init(&semaphore, 0, 0);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	printf("%-20s thread: plain SA_RESTART; main: plain SA_RESTART\n", "call");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (argc > 1 && strcmp(argv[1], rows[i].name))
			continue;
		printf("%-20s", rows[i].name);
		for (int how = 0; how < 4; how++)
			try(&rows[i], how & 1 ? SA_RESTART : 0, how & 2);
		printf("\n");
	}
	msgctl(queue_id, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
	return 0;
}
