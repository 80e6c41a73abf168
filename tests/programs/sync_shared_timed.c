/*
 * Two processes and every wait with a time: mutexes of every kind, read-write locks, semaphores, conditions and barriers
 * that one holds time out on the other when it is time and not before, and are got when they are given back; a robust mutex
 * is got from an owner that has died, by the end of its thread or of its process. Both ways round; in a second pass the
 * other process has a bare environment.
 *
 * Each side has a thread that does what the main one tells it through a socket. With arguments it is the other process.
 *
 * vervet-timeout: 60
 */
#include "check.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

enum { MUTEXES = 6, READ = MUTEXES, WRITE, SEM, NAMED, COND, BARRIER, OBJECTS };
enum { FOR_EVER, TIMED, CLOCKED, FORMS };
enum { SHORT_MS = 10, LONG_MS = 60000 };
static const char *const names[] = {"normal", "recursive", "error-checking", "robust", "inheriting",
    "robust inheriting", "rwlock to read", "rwlock to write", "semaphore", "named semaphore", "condition",
    "barrier"};

static struct shared {
	pthread_mutex_t mutex[MUTEXES], gate;
	pthread_rwlock_t rwlock;
	sem_t sem;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	int flag;
} * s;
static sem_t *named;

static void make_mutex(pthread_mutex_t *m, int type, int robust, int protocol)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setprotocol(&attr, protocol);
	expect(pthread_mutex_init(m, &attr) == 0);
}

static void make_all(void)
{
	pthread_rwlockattr_t rwlock;
	pthread_condattr_t cond;
	pthread_barrierattr_t barrier;

	for (int i = 0; i < MUTEXES; i++)
		make_mutex(&s->mutex[i], i < 3 ? i : 0, i == 3 || i == 5, i >= 4);
	make_mutex(&s->gate, PTHREAD_MUTEX_NORMAL, 0, 0);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	expect(pthread_rwlock_init(&s->rwlock, &rwlock) == 0);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	expect(pthread_cond_init(&s->cond, &cond) == 0);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	expect(pthread_barrier_init(&s->barrier, &barrier, 2) == 0);
	expect(sem_init(&s->sem, 1, 1) == 0);
	s->flag = 0;
}

/* ---- what a side can be told ---- */

static int failed(int r)
{
	return r < 0 ? errno : 0;
}

static int lock_mutex(pthread_mutex_t *m, int form, int ms)
{
	struct timespec real = clock_in(CLOCK_REALTIME, ms), mono = clock_in(CLOCK_MONOTONIC, ms);

	if (form == FOR_EVER)
		return pthread_mutex_lock(m);
	return form == TIMED ? pthread_mutex_timedlock(m, &real)
			     : pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &mono);
}

static int lock_read(int form, int ms)
{
	struct timespec real = clock_in(CLOCK_REALTIME, ms), mono = clock_in(CLOCK_MONOTONIC, ms);

	if (form == FOR_EVER)
		return pthread_rwlock_rdlock(&s->rwlock);
	return form == TIMED ? pthread_rwlock_timedrdlock(&s->rwlock, &real)
			     : pthread_rwlock_clockrdlock(&s->rwlock, CLOCK_MONOTONIC, &mono);
}

static int lock_write(int form, int ms)
{
	struct timespec real = clock_in(CLOCK_REALTIME, ms), mono = clock_in(CLOCK_MONOTONIC, ms);

	if (form == FOR_EVER)
		return pthread_rwlock_wrlock(&s->rwlock);
	return form == TIMED ? pthread_rwlock_timedwrlock(&s->rwlock, &real)
			     : pthread_rwlock_clockwrlock(&s->rwlock, CLOCK_MONOTONIC, &mono);
}

static int wait_sem(sem_t *sem, int form, int ms)
{
	struct timespec real = clock_in(CLOCK_REALTIME, ms), mono = clock_in(CLOCK_MONOTONIC, ms);

	if (form == FOR_EVER)
		return failed(sem_wait(sem));
	return failed(form == TIMED ? sem_timedwait(sem, &real) : sem_clockwait(sem, CLOCK_MONOTONIC, &mono));
}

static int wait_cond(int form, int ms)
{
	struct timespec real = clock_in(CLOCK_REALTIME, ms), mono = clock_in(CLOCK_MONOTONIC, ms);
	int r = 0;

	expect(pthread_mutex_lock(&s->gate) == 0);
	while (!s->flag && r == 0) {
		if (form == FOR_EVER)
			r = pthread_cond_wait(&s->cond, &s->gate);
		else if (form == TIMED)
			r = pthread_cond_timedwait(&s->cond, &s->gate, &real);
		else
			r = pthread_cond_clockwait(&s->cond, &s->gate, CLOCK_MONOTONIC, &mono);
	}
	if (r == 0)
		s->flag = 0;
	expect(pthread_mutex_unlock(&s->gate) == 0);
	return r;
}

static int get(int object, int form, int ms)
{
	switch (object) {
	case READ:
		return lock_read(form, ms);
	case WRITE:
		return lock_write(form, ms);
	case SEM:
		return wait_sem(&s->sem, form, ms);
	case NAMED:
		return wait_sem(named, form, ms);
	case COND:
		return wait_cond(form, ms);
	case BARRIER:
		return pthread_barrier_wait(&s->barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
	default:
		return lock_mutex(&s->mutex[object], form, ms);
	}
}

/* -1: too early, or much too late */
static int time_out(int object, int form)
{
	struct timespec from = clock_in(CLOCK_MONOTONIC, 0), to;
	int r = get(object, form, SHORT_MS);
	long us;

	to = clock_in(CLOCK_MONOTONIC, 0);
	us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	return r == ETIMEDOUT && (us < SHORT_MS * 1000 - 1000 || us > LONG_MS * 500) ? -1 : r;
}

/* A condition and a read lock are held by nobody, or to write. */
static int hold(int object)
{
	if (object == COND || object == BARRIER)
		return 0;
	return get(object == READ ? WRITE : object, FOR_EVER, 0);
}

static int drop(int object)
{
	switch (object) {
	case READ:
	case WRITE:
		return pthread_rwlock_unlock(&s->rwlock);
	case SEM:
		return failed(sem_post(&s->sem));
	case NAMED:
		return failed(sem_post(named));
	case COND:
		expect(pthread_mutex_lock(&s->gate) == 0);
		s->flag = 1;
		expect(pthread_cond_signal(&s->cond) == 0);
		return pthread_mutex_unlock(&s->gate);
	case BARRIER:
		return get(BARRIER, FOR_EVER, 0);
	default:
		return pthread_mutex_unlock(&s->mutex[object]);
	}
}

static int mend(int object)
{
	int r = pthread_mutex_consistent(&s->mutex[object]);

	return r ? r : drop(object);
}

/* ---- owners that will die ---- */

static int to_owner[2], from_owner[2];
static pid_t owner;
static pthread_t owner_thread;

static void *own(void *object)
{
	char c = hold((long)object);

	expect(write(from_owner[1], &c, 1) == 1);
	expect(read(to_owner[0], &c, 1) == 1);
	return NULL;
}

static void *be_owner(void *object)
{
	own(object);
	_exit(0);
}

static int prepare_death(int object, bool of_process)
{
	char c;

	expect(pipe(to_owner) == 0 && pipe(from_owner) == 0);
	if (of_process && (owner = fork()) == 0) {
		start(be_owner, (void *)(long)object);
		for (;;)
			pause();
	}
	if (!of_process)
		owner_thread = start(own, (void *)(long)object);
	expect(read(from_owner[0], &c, 1) == 1);
	return c;
}

static int die(int object, bool of_process)
{
	int status = 0;

	(void)object;
	expect(write(to_owner[1], "", 1) == 1);
	if (of_process)
		expect(waitpid(owner, &status, 0) == owner);
	else
		join(owner_thread);
	for (int i = 0; i < 2; i++) {
		close(to_owner[i]);
		close(from_owner[i]);
	}
	return status;
}

/* ---- the two sides ---- */

enum { GET, TIME_OUT, HOLD, DROP, MEND, PREPARE_DEATH, DIE };

struct order {
	int what, object, how;
};

static int obey(const struct order *o)
{
	switch (o->what) {
	case GET:
		return get(o->object, o->how, LONG_MS);
	case TIME_OUT:
		return time_out(o->object, o->how);
	case HOLD:
		return hold(o->object);
	case DROP:
		return drop(o->object);
	case MEND:
		return mend(o->object);
	case PREPARE_DEATH:
		return prepare_death(o->object, o->how);
	default:
		return die(o->object, o->how);
	}
}

static void *serve(void *fd)
{
	struct order o;
	int r;

	while (read((long)fd, &o, sizeof o) == sizeof o) {
		r = obey(&o);
		expect(write((long)fd, &r, sizeof r) == sizeof r);
	}
	return NULL;
}

static int other_side(char **argv)
{
	int fd = open(argv[1], O_RDWR);

	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(s != MAP_FAILED);
	named = sem_open(strrchr(argv[1], '/'), O_CREAT, 0600, 1);
	expect(named != SEM_FAILED);
	join(start(serve, (void *)atol(argv[2])));
	return 0;
}

static pid_t start_other(char **argv, char *file, int socket, bool bare)
{
	char number[16], *args[] = {argv[0], file, number, NULL}, *none[] = {NULL};
	pid_t pid = fork();

	expect(pid >= 0);
	if (pid == 0) {
		snprintf(number, sizeof number, "%d", socket);
		execve("/proc/self/exe", args, bare ? none : environ);
		_exit(98);
	}
	return pid;
}

/* ---- who tells them ---- */

static void tell_side(int side, int what, int object, int how)
{
	struct order o = {what, object, how};

	expect(write(side, &o, sizeof o) == sizeof o);
}

static int answer(int side)
{
	int r;

	expect(read(side, &r, sizeof r) == sizeof r);
	return r;
}

static int ask(int side, int what, int object, int how)
{
	tell_side(side, what, object, how);
	return answer(side);
}

static void one_object(int holder, int other, int object, int form)
{
	int r;

	printf(" %s", errno_name(ask(holder, HOLD, object, 0)));
	if (form != FOR_EVER && object != BARRIER)
		printf(" %s", errno_name(ask(other, TIME_OUT, object, form)));
	tell_side(other, GET, object, form);
	let_block();
	r = ask(holder, DROP, object, 0);
	r += answer(other);
	printf(" %s", object == BARRIER ? r == 1 ? "met" : "not met" : errno_name(r));
	if (object != COND && object != BARRIER)
		printf(" %s", errno_name(ask(other, DROP, object, 0)));
}

static void one_death(int dying, int other, int object, int form, int of_process)
{
	printf(" %d", ask(dying, PREPARE_DEATH, object, of_process));
	tell_side(other, GET, object, form);
	let_block();
	printf(" %d", ask(dying, DIE, object, of_process));
	printf(" %s", errno_name(answer(other)));
	printf(" %s", errno_name(ask(other, MEND, object, 0)));
	printf(" %s", errno_name(ask(dying, HOLD, object, 0)));
	printf(" %s;", errno_name(ask(dying, DROP, object, 0)));
}

static void all_objects(const char *way, int a, int b)
{
	for (int object = 0; object < OBJECTS; object++) {
		printf("%s, %s:", way, names[object]);
		for (int form = 0; form < FORMS; form++)
			one_object(a, b, object, form);
		puts("");
	}
	for (int object = 3; object < MUTEXES; object += 2) {
		printf("%s, death with %s:", way, names[object]);
		for (int form = 0; form < FORMS * 2; form++)
			one_death(a, b, object, form % FORMS, form / FORMS);
		puts("");
	}
}

static void run(char **argv, char *file, bool bare)
{
	int mine[2], others[2], status;
	pthread_t t;
	pid_t pid;

	expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mine) == 0);
	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, others) == 0);
	fcntl(others[0], F_SETFD, FD_CLOEXEC);
	make_all();
	pid = start_other(argv, file, others[1], bare);
	close(others[1]);
	t = start(serve, (void *)(long)mine[1]);
	all_objects("held here", mine[0], others[0]);
	all_objects("held there", others[0], mine[0]);
	close(mine[0]);
	close(others[0]);
	join(t);
	expect(waitpid(pid, &status, 0) == pid && status == 0);
	close(mine[1]);
}

int main(int argc, char **argv)
{
	char file[] = "/tmp/sync_shared_timed.XXXXXX";
	int fd;

	if (argc > 1)
		return other_side(argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = mkstemp(file);
	expect(fd >= 0 && ftruncate(fd, sizeof *s) == 0);
	s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(s != MAP_FAILED);
	named = sem_open(strrchr(file, '/'), O_CREAT, 0600, 1);
	expect(named != SEM_FAILED);
	run(argv, file, false);
	run(argv, file, true);
	unlink(file);
	sem_unlink(strrchr(file, '/'));
	return 0;
}
