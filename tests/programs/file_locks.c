/* File locks of every kind make a thread wait, and only that thread: flock, lockf, fcntl with records and with open
 * files' locks; against another process too. Deadlock between processes is found. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static char path[] = "/tmp/locks-XXXXXX";
static int lock_by(int how, int fd, bool on)
{
	struct flock l = {.l_type = on ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 10};

	switch (how) {
	case 0:
		return flock(fd, on ? LOCK_EX : LOCK_UN);
	case 1:
		return lockf(fd, on ? F_LOCK : F_ULOCK, 10);
	case 2:
		return fcntl(fd, F_SETLKW, &l);
	default:
		return fcntl(fd, F_OFD_SETLKW, &l);
	}
}

struct locker {
	int how, held;
};

static void *lock_again(void *arg)
{
	struct locker *l = arg;
	int fd = open(path, O_RDWR);

	expect(lock_by(l->how, fd, true) == 0);
	expect(!l->held);
	lock_by(l->how, fd, false);
	close(fd);
	return NULL;
}

/* Between threads: only locks of open files exclude. */
static void threads(int how)
{
	struct locker l = {how, 1};
	int fd = open(path, O_RDWR);
	pthread_t t[3];

	expect(lock_by(how, fd, true) == 0);
	for (int i = 0; i < 3; i++)
		t[i] = start(lock_again, &l);
	let_block();
	l.held = 0;
	lock_by(how, fd, false);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	close(fd);
	printf("threads, way %d: in turn\n", how);
}

/* Another process holds the lock for a while. */
static void processes(int how)
{
	int fd = open(path, O_RDWR), p[2], done[2];
	char c;
	pid_t pid;

	expect(!pipe(p) && !pipe(done));
	pid = fork();
	if (pid == 0) {
		fd = open(path, O_RDWR);
		lock_by(how, fd, true);
		expect(write(p[1], "l", 1) == 1);
		sleep_ms(30);
		expect(write(done[1], "d", 1) == 1);
		_exit(0);
	}
	expect(read(p[0], &c, 1) == 1);
	expect(lock_by(how, fd, true) == 0);
	fcntl(done[0], F_SETFL, O_NONBLOCK);
	printf("processes, way %d: waited %ld\n", how, (long)read(done[0], &c, 1));
	lock_by(how, fd, false);
	waitpid(pid, NULL, 0);
	close(fd);
	close(p[0]);
	close(p[1]);
	close(done[0]);
	close(done[1]);
}

static void deadlock(void)
{
	struct flock first = {.l_type = F_WRLCK, .l_len = 1},
		     second = {.l_type = F_WRLCK, .l_start = 1, .l_len = 1};
	int fd = open(path, O_RDWR), p[2], status, r;
	char c;
	pid_t pid;

	expect(!pipe(p) && !fcntl(fd, F_SETLKW, &first));
	pid = fork();
	if (pid == 0) {
		expect(!fcntl(fd, F_SETLKW, &second) && write(p[1], "l", 1) == 1);
		r = fcntl(fd, F_SETLKW, &first);
		_exit(r == -1 && errno == EDEADLK ? 1 : 0);
	}
	expect(read(p[0], &c, 1) == 1);
	sleep_ms(30);
	r = fcntl(fd, F_SETLKW, &second);
	printf("deadlock: %s\n", r < 0 ? errno_name(errno) : "not seen");
	close(fd);
	waitpid(pid, &status, 0);
	printf("the other got its lock: %d\n", !WEXITSTATUS(status));
}

static void handler(int sig)
{
	(void)sig;
}

static void errors(void)
{
	struct sigaction a = {.sa_handler = handler};
	int fd = open(path, O_RDWR), other = open(path, O_RDWR);

	tell(flock(99, LOCK_EX));
	tell(lockf(99, F_LOCK, 1));
	tell(flock(fd, LOCK_EX));
	tell(flock(other, LOCK_EX | LOCK_NB));
	sigaction(SIGALRM, &a, NULL);
	ualarm(20000, 0);
	tell(flock(other, LOCK_EX));
	close(fd);
	tell(flock(other, LOCK_EX));
	close(other);
}

int main(void)
{
	pthread_t ticker = start(tick_beside, NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	expect(ftruncate(mkstemp(path), 100) == 0);
	threads(0);
	threads(3);
	for (int how = 0; how < 4; how++)
		processes(how);
	deadlock();
	errors();
	unlink(path);
	printf("ticks meanwhile: %s\n", ticks_beside(ticker, 20));
	return 0;
}
