/*
 * What a handler does to a blocked call, for thirty calls: EINTR, or restarted if it was installed with SA_RESTART, as
 * signal(7) tables them. Each call runs in a thread of its own, which another signals until it returns.
 */
#include "net.h"

#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/wait.h>

static int fd[2], dgram[2], full[2], listening, ep, event_fd;
static sem_t sem;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, free_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int queue, semaphores;
static pid_t child;
static _Atomic int handled, ended;
static __thread char buf[100];

static void handler(int signal)
{
	(void)signal;
	handled++;
}

static int call_nanosleep(void)
{
	struct timespec ts = {100, 0}, left = {0, 0};
	int r = nanosleep(&ts, &left);

	expect(r == 0 || left.tv_sec >= 90);
	return r;
}

static int call_clock_nanosleep(void)
{
	struct timespec at = clock_in(CLOCK_MONOTONIC, 100000);

	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	return errno ? -1 : 0;
}

static int call_sleep(void)
{
	errno = 0;
	return sleep(100) >= 90 ? 90 : 0;
}

static int call_usleep(void)
{
	return usleep(100000000);
}

static int call_pause(void)
{
	return pause();
}

static int call_read(void)
{
	return (int)read(fd[0], buf, 1);
}

static int call_readv(void)
{
	struct iovec v = {buf, 1};

	return (int)readv(fd[0], &v, 1);
}

static int call_write(void)
{
	return (int)write(full[1], buf, sizeof buf);
}

static int call_recv(void)
{
	return (int)recv(dgram[0], buf, 1, 0);
}

static int call_recvmsg(void)
{
	struct iovec v = {buf, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	return (int)recvmsg(dgram[0], &m, 0);
}

static int call_recv_timeout(void)
{
	struct timeval tv = {100, 0}, none = {0, 0};
	int r;

	setsockopt(dgram[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	r = (int)recv(dgram[0], buf, 1, 0);
	int error = errno;
	setsockopt(dgram[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
	errno = error;
	return r;
}

static int call_accept(void)
{
	return accept(listening, NULL, NULL);
}

static int call_poll(void)
{
	struct pollfd p = {.fd = fd[0], .events = POLLIN};

	return poll(&p, 1, 100000);
}

static int call_ppoll(void)
{
	return ppoll(NULL, 0, NULL, NULL);
}

static int call_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	return select(fd[0] + 1, &set, NULL, NULL, NULL);
}

static int call_pselect(void)
{
	return pselect(0, NULL, NULL, NULL, &(struct timespec){100, 0}, NULL);
}

static int call_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(ep, &event, 1, -1);
}

static int call_eventfd(void)
{
	eventfd_t value;

	return eventfd_read(event_fd, &value);
}

static int call_sem_wait(void)
{
	return sem_wait(&sem);
}

static int call_sem_timedwait(void)
{
	struct timespec at = clock_in(CLOCK_REALTIME, 100000);

	return sem_timedwait(&sem, &at);
}

static int call_waitpid(void)
{
	return waitpid(child, NULL, 0) < 0 ? -1 : 0;
}

static int call_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static int call_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &(struct timespec){100, 0});
}

static int call_msgrcv(void)
{
	return (int)msgrcv(queue, buf, 10, 0, 0);
}

static int call_semop(void)
{
	return semop(semaphores, &(struct sembuf){0, -1, 0}, 1);
}

static int call_mutex(void)
{
	int r = pthread_mutex_lock(&mutex);

	pthread_mutex_unlock(&mutex);
	return r;
}

static int call_cond(void)
{
	pthread_mutex_lock(&free_mutex);
	while (!ended)
		expect(pthread_cond_wait(&cond, &free_mutex) == 0);
	pthread_mutex_unlock(&free_mutex);
	return 0;
}

static int call_barrier(void)
{
	int r = pthread_barrier_wait(&barrier);

	return r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : r;
}

static int call_rwlock(void)
{
	int r = pthread_rwlock_rdlock(&rwlock);

	pthread_rwlock_unlock(&rwlock);
	return r;
}

static int call_flock(void)
{
	int other = open("locked", O_RDWR), r;

	expect(other >= 0);
	r = flock(other, LOCK_EX);
	int error = errno;
	close(other);
	errno = error;
	return r;
}

/* End of those that no signal ends. */
static void one_byte(void)
{
	expect(write(fd[1], "x", 1) == 1);
}

static void one_datagram(void)
{
	expect(send(dgram[1], "x", 1, 0) == 1);
}

static void make_room(void)
{
	char sink[65536];

	expect(read(full[0], sink, sizeof sink) > 0);
}

static void connect_one(void)
{
	struct sockaddr_in at;
	socklen_t size = sizeof at;

	expect(getsockname(listening, (struct sockaddr *)&at, &size) == 0);
	connected(&at);
}

static void one_event(void)
{
	expect(eventfd_write(event_fd, 1) == 0);
}

static void post(void)
{
	sem_post(&sem);
}

static void kill_child(void)
{
	kill(child, SIGKILL);
}

static void unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

static void broadcast(void)
{
	pthread_mutex_lock(&free_mutex);
	ended = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&free_mutex);
}

static void arrive(void)
{
	pthread_barrier_wait(&barrier);
}

static void unlock_rwlock(void)
{
	pthread_rwlock_unlock(&rwlock);
}

static int locked_fd;

static void unlock_file(void)
{
	flock(locked_fd, LOCK_UN);
}

struct row {
	const char *name;
	int (*call)(void);
	void (*finish)(void); /* makes it return although no signal does */
};

static const struct row rows[] = {
    {"nanosleep", call_nanosleep, NULL},
    {"clock_nanosleep", call_clock_nanosleep, NULL},
    {"sleep", call_sleep, NULL},
    {"usleep", call_usleep, NULL},
    {"pause", call_pause, NULL},
    {"read", call_read, one_byte},
    {"readv", call_readv, one_byte},
    {"write", call_write, make_room},
    {"recv", call_recv, one_datagram},
    {"recvmsg", call_recvmsg, one_datagram},
    {"recv with a time-out", call_recv_timeout, one_datagram},
    {"accept", call_accept, connect_one},
    {"poll", call_poll, one_byte},
    {"ppoll", call_ppoll, NULL},
    {"select", call_select, one_byte},
    {"pselect", call_pselect, NULL},
    {"epoll_wait", call_epoll_wait, one_byte},
    {"eventfd_read", call_eventfd, one_event},
    {"sem_wait", call_sem_wait, post},
    {"sem_timedwait", call_sem_timedwait, post},
    {"waitpid", call_waitpid, kill_child},
    {"sigsuspend", call_sigsuspend, NULL},
    {"sigtimedwait", call_sigtimedwait, NULL},
    {"msgrcv", call_msgrcv, NULL},
    {"semop", call_semop, NULL},
    {"mutex_lock", call_mutex, unlock},
    {"cond_wait", call_cond, broadcast},
    {"barrier_wait", call_barrier, arrive},
    {"rwlock_rdlock", call_rwlock, unlock_rwlock},
    {"flock", call_flock, unlock_file},
};

static void prepare(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	static char big[1 << 20];
	struct sockaddr_in at;

	expect(pipe(fd) == 0 && pipe(full) == 0);
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], big, sizeof big) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	unix_pair(SOCK_DGRAM, dgram);
	listening = listener(&at, 1);
	ep = epoll_create1(0);
	expect(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &event) == 0);
	event_fd = eventfd(0, 0);
	sem_init(&sem, 0, 0);
	pthread_mutex_lock(&mutex);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_rwlock_wrlock(&rwlock);
	queue = msgget(IPC_PRIVATE, 0600);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	locked_fd = open("locked", O_RDWR | O_CREAT, 0600);
	expect(flock(locked_fd, LOCK_EX) == 0);
	child = fork();
	if (child == 0) {
		sleep(1000);
		_exit(0);
	}
}

static const struct row *current;
static _Atomic int returned;

static void *caller(void *arg)
{
	int r;

	(void)arg;
	errno = 0;
	r = current->call();
	int error = errno;
	returned = 1;
	return (void *)(long)(r < 0 ? error : r > 1 ? -r : 0);
}

/* Signal the caller until it returns, but if the call is to be restarted see that it is not ended by three. On a busy
 * machine a signal may take its time: the next is sent when it has been handled. */
static void try_row(const struct row *row, bool restart)
{
	int before = handled;

	current = row;
	returned = 0;
	ended = 0;
	pthread_t t = start(caller, NULL);
	for (int i = 0; !returned && i < 3; i++) {
		sleep_ms(15);
		int sent = handled;

		if (!returned)
			pthread_kill(t, SIGUSR1);
		for (int k = 0; !returned && handled == sent && k < 1000; k++)
			sleep_ms(5);
		sleep_ms(5);
	}
	bool by_signal = returned;
	expect(handled > before);
	if (!returned && row->finish)
		row->finish();
	long r = (long)join(t);
	printf("%s%s: %s%s\n", row->name, restart ? " with SA_RESTART" : "",
	    r >= 0 ? errno_name((int)r) : "the rest", by_signal ? ", ended by the signal" : "");
}

/* A few cannot be run twice, since their end used them up. */
static void replenish(void)
{
	char sink[2];
	struct pollfd p = {.fd = fd[0], .events = POLLIN};

	while (poll(&p, 1, 0) == 1)
		expect(read(fd[0], sink, 1) == 1);
	while (sem_trywait(&sem) == 0)
		;
	static char big[65536];
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], big, sizeof big) > 0)
		;
	while (write(full[1], big, 1) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	pthread_mutex_trylock(&mutex);
	pthread_rwlock_trywrlock(&rwlock);
	flock(locked_fd, LOCK_EX);
	if (waitpid(child, NULL, WNOHANG) != 0) {
		child = fork();
		if (child == 0) {
			sleep(1000);
			_exit(0);
		}
	}
}

int main(void)
{
	struct sigaction action = {.sa_handler = handler};

	prepare();
	for (int restart = 0; restart < 2; restart++) {
		action.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			try_row(&rows[i], restart);
			replenish();
		}
	}
	kill(child, SIGKILL);
	msgctl(queue, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
	return 0;
}
