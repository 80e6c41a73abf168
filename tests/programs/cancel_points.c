/*
 * Cancellation points, each twice: with a cancellation pending although the call could answer at once, and blocked when
 * the cancellation comes. A call that is no cancellation point says so. Descriptors that accept would have returned are
 * not lost, and a mutex is held again after a condition wait.
 */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { READY, BLOCKED };

static int ready[2], empty[2], full[2], pair[2], listening, queue_id;
static char byte[1 << 16];
static sem_t zero, one;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t sleeper;
static pid_t child;
static FILE *stream;
static int how;
static _Atomic int entered;
static const char *at_end;

static int in_fd(void)
{
	return how == READY ? ready[0] : empty[0];
}

static void do_read(void)
{
	(void)!read(in_fd(), byte, 1);
}

static void do_pread(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	(void)!pread(fd, byte, 1, 0);
}

static void do_readv(void)
{
	struct iovec v = {byte, 1};

	(void)!readv(in_fd(), &v, 1);
}

static void do_write(void)
{
	(void)!write(how == READY ? ready[1] : full[1], byte, 1);
}

static void do_writev(void)
{
	struct iovec v = {byte, 1};

	(void)!writev(how == READY ? ready[1] : full[1], &v, 1);
}

static void do_recv(void)
{
	if (how == READY)
		send(pair[1], "x", 1, 0);
	recv(pair[0], byte, 1, 0);
}

static void do_recvmsg(void)
{
	struct iovec v = {byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	recvmsg(pair[0], &m, 0);
}

static void do_send(void)
{
	send(pair[0], "x", 1, 0);
}

static void do_accept(void)
{
	accept(listening, NULL, NULL);
}

static void do_connect(void)
{
	struct sockaddr_un name;
	socklen_t size = sizeof name;

	getsockname(listening, (struct sockaddr *)&name, &size);
	connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, size);
}

static void do_poll(void)
{
	struct pollfd p = {in_fd(), POLLIN, 0};

	poll(&p, 1, -1);
}

static void do_ppoll(void)
{
	struct pollfd p = {in_fd(), POLLIN, 0};
	sigset_t none;

	sigemptyset(&none);
	ppoll(&p, 1, NULL, &none);
}

static void do_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in_fd(), &set);
	select(in_fd() + 1, &set, NULL, NULL, NULL);
}

static void do_pselect(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in_fd(), &set);
	pselect(in_fd() + 1, &set, NULL, NULL, NULL, NULL);
}

static void do_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, in_fd(), &e);
	epoll_wait(ep, &e, 1, -1);
}

static void do_sleep(void)
{
	sleep(how == READY ? 0 : 1000);
}

static void do_usleep(void)
{
	usleep(how == READY ? 0 : 900000000);
}

static void do_nanosleep(void)
{
	struct timespec t = {how == READY ? 0 : 1000, 0};

	nanosleep(&t, NULL);
}

static void do_clock_nanosleep(void)
{
	struct timespec t = {how == READY ? 0 : 1000, 0};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void do_pause(void)
{
	pause();
}

static void do_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigsuspend(&none);
}

static void do_sigwait(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (how == READY)
		raise(SIGUSR1);
	sigwait(&set, &sig);
}

static void do_sigtimedwait(void)
{
	struct timespec limit = {1000, 0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigtimedwait(&set, NULL, &limit);
}

static void do_sem_wait(void)
{
	sem_wait(how == READY ? &one : &zero);
}

static void do_sem_timedwait(void)
{
	struct timespec t = clock_in(CLOCK_REALTIME, 900000);

	sem_timedwait(how == READY ? &one : &zero, &t);
}

static void do_sem_clockwait(void)
{
	struct timespec t = clock_in(CLOCK_MONOTONIC, 60000);

	sem_clockwait(how == READY ? &one : &zero, CLOCK_MONOTONIC, &t);
}

static void unlock_mutex(void *unused)
{
	(void)unused;
	at_end = pthread_mutex_trylock(&mutex) == EBUSY ? ", mutex held" : ", MUTEX NOT HELD";
	pthread_mutex_unlock(&mutex);
}

static void do_cond_wait(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock_mutex, NULL);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
}

static void do_cond_timedwait(void)
{
	struct timespec t = clock_in(CLOCK_REALTIME, 900000);

	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock_mutex, NULL);
	for (;;)
		pthread_cond_timedwait(&cond, &mutex, &t);
	pthread_cleanup_pop(0);
}

static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void do_join(void)
{
	pthread_join(sleeper, NULL);
}

static void do_testcancel(void)
{
	pthread_testcancel();
}

static void do_wait(void)
{
	wait(NULL);
}

static void do_waitpid(void)
{
	waitpid(child, NULL, 0);
}

static void do_waitid(void)
{
	siginfo_t info;

	waitid(P_PID, child, &info, WEXITED);
}

static void do_open(void)
{
	open("/dev/null", O_RDONLY);
}

static void do_openat(void)
{
	openat(AT_FDCWD, "/dev/null", O_RDONLY);
}

static void do_creat(void)
{
	creat("/dev/null", 0600);
}

static void do_close(void)
{
	close(dup(0));
}

static void do_fsync(void)
{
	fsync(0);
}

static void do_msync(void)
{
	msync(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, MS_SYNC);
}

static void do_setlkw(void)
{
	struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	fcntl(open("/proc/self/exe", O_RDONLY), F_SETLKW, &l);
}

static void do_msgrcv(void)
{
	struct {
		long type;
		char text[1];
	} m = {1, "x"};

	if (how == READY)
		msgsnd(queue_id, &m, 1, 0);
	msgrcv(queue_id, &m, 1, 0, 0);
}

static void do_fgetc(void)
{
	stream = fdopen(dup(in_fd()), "r");
	fgetc(stream);
}

static void do_system(void)
{
	(void)!system("exec sleep 20");
}

static void do_mutex(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}

static void do_yield(void)
{
	sched_yield();
}

enum { PENDING = 1, WAITING = 2, BOTH = 3 };

static const struct row {
	const char *name;
	void (*call)(void);
	int which;
} rows[] = {
    {"read", do_read, BOTH},
    {"pread", do_pread, PENDING},
    {"readv", do_readv, BOTH},
    {"write", do_write, BOTH},
    {"writev", do_writev, BOTH},
    {"recv", do_recv, BOTH},
    {"recvmsg", do_recvmsg, WAITING},
    {"send", do_send, PENDING},
    {"accept", do_accept, BOTH},
    {"connect", do_connect, PENDING},
    {"poll", do_poll, BOTH},
    {"ppoll", do_ppoll, BOTH},
    {"select", do_select, BOTH},
    {"pselect", do_pselect, BOTH},
    {"epoll_wait", do_epoll, BOTH},
    {"sleep", do_sleep, BOTH},
    {"usleep", do_usleep, BOTH},
    {"nanosleep", do_nanosleep, BOTH},
    {"clock_nanosleep", do_clock_nanosleep, BOTH},
    {"pause", do_pause, BOTH},
    {"sigsuspend", do_sigsuspend, BOTH},
    {"sigwait", do_sigwait, BOTH},
    {"sigtimedwait", do_sigtimedwait, BOTH},
    {"sem_wait", do_sem_wait, BOTH},
    {"sem_timedwait", do_sem_timedwait, BOTH},
    {"sem_clockwait", do_sem_clockwait, BOTH},
    {"pthread_cond_wait", do_cond_wait, BOTH},
    {"pthread_cond_timedwait", do_cond_timedwait, BOTH},
    {"pthread_join", do_join, BOTH},
    {"pthread_testcancel", do_testcancel, PENDING},
    {"wait", do_wait, BOTH},
    {"waitpid", do_waitpid, BOTH},
    {"waitid", do_waitid, BOTH},
    {"open", do_open, PENDING},
    {"openat", do_openat, PENDING},
    {"creat", do_creat, PENDING},
    {"close", do_close, PENDING},
    {"fsync", do_fsync, PENDING},
    {"msync", do_msync, PENDING},
    {"fcntl(F_SETLKW)", do_setlkw, PENDING},
    {"msgrcv", do_msgrcv, BOTH},
    {"fgetc", do_fgetc, BOTH},
    {"system", do_system, WAITING},
    {"pthread_mutex_lock", do_mutex, PENDING},
    {"sched_yield", do_yield, PENDING},
};

static void *caller(void *arg)
{
	const struct row *row = arg;

	if (how == READY) {
		pthread_cancel(pthread_self());
	}
	entered = 1;
	row->call();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return NULL;
}

static void try(const struct row *row, int way)
{
	pthread_t t;

	how = way;
	entered = 0;
	at_end = "";
	t = start(caller, (void *)row);
	while (!entered)
		sleep_ms(1);
	if (way == BLOCKED) {
		let_block();
		expect(pthread_cancel(t) == 0);
	}
	void *value = join(t);
	printf(" %s%s", value == PTHREAD_CANCELED ? "cancelled" : "returned", at_end);
}

int main(int argc, char **argv)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	expect(pipe(ready) == 0 && pipe(empty) == 0 && pipe(full) == 0);
	expect(write(ready[1], byte, 1000) == 1000);
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], byte, sizeof byte) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	listening = socket(AF_UNIX, SOCK_STREAM, 0);
	expect(bind(listening, (struct sockaddr *)&name, sizeof name.sun_family) == 0 &&
	       listen(listening, 5) == 0);
	queue_id = msgget(IPC_PRIVATE, 0600);
	sem_init(&zero, 0, 0);
	sem_init(&one, 0, 100);
	sleeper = start(sleeps, NULL);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (argc > 1 && strcmp(argv[1], rows[i].name))
			continue;
		printf("%-24s", rows[i].name);
		if (rows[i].which & PENDING)
			try(&rows[i], READY);
		if (rows[i].which & WAITING)
			try(&rows[i], BLOCKED);
		printf("\n");
		fflush(stdout);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	pthread_cancel(sleeper);
	expect(join(sleeper) == PTHREAD_CANCELED);
	msgctl(queue_id, IPC_RMID, NULL);
	return 0;
}
