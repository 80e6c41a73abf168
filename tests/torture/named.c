/*
 * Named semaphores opened, used, closed, removed and made anew by threads of several processes, of which one runs without
 * whatever is preloaded into the others: one creates each, an open one has one address in a process, no token is lost,
 * and who has an old one open keeps it.
 */
#include "torture.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { NAMES = 3, PROCESSES = 3, TOKENS = 2 };

static struct all {
	char prefix[40];
	atomic_int created[NAMES], out[NAMES], fresh[NAMES];
} * all;
static int per_process;

static const char *name_of(int i, const char *kind)
{
	static _Thread_local char name[80];

	snprintf(name, sizeof name, "%s-%s-%d", all->prefix, kind, i);
	return name;
}

static bool take(sem_t *s, struct dice *d)
{
	struct timespec ts;
	int r;

	switch (pick(d, 4)) {
	case 0:
		r = sem_trywait(s);
		insist(r == 0 || errno == EAGAIN);
		return r == 0;
	case 1:
		ts = in_us(CLOCK_REALTIME, pick(d, 500));
		r = sem_timedwait(s, &ts);
		insist(r == 0 || errno == ETIMEDOUT);
		return r == 0;
	case 2:
		ts = in_us(CLOCK_MONOTONIC, pick(d, 500));
		r = sem_clockwait(s, CLOCK_MONOTONIC, &ts);
		insist(r == 0 || errno == ETIMEDOUT);
		return r == 0;
	default:
		insist(sem_wait(s) == 0);
		return true;
	}
}

/* Everybody tries to make it; it stays. */
static void borrow(struct dice *d)
{
	int i = pick(d, NAMES);
	sem_t *s = sem_open(name_of(i, "kept"), O_CREAT | O_EXCL, 0600, TOKENS), *again;

	if (s != SEM_FAILED)
		insist(all->created[i]++ == 0);
	else
		insist(errno == EEXIST && (s = sem_open(name_of(i, "kept"), 0)) != SEM_FAILED);
	again = sem_open(name_of(i, "kept"), O_CREAT, 0600, TOKENS);
	insist(again == s && sem_close(again) == 0);
	if (take(s, d)) {
		insist(++all->out[i] <= TOKENS);
		dawdle(d);
		all->out[i]--;
		insist(sem_post(s) == 0);
	}
	insist(sem_close(s) == 0);
}

/* One that is removed while others have it open. */
static void remove_one(struct dice *d)
{
	int i = pick(d, NAMES), value;
	sem_t *s = sem_open(name_of(i, "fresh"), O_CREAT, 0600, 0);

	insist(s != SEM_FAILED);
	insist(sem_unlink(name_of(i, "fresh")) == 0 || errno == ENOENT);
	insist(sem_post(s) == 0);
	dawdle(d);
	insist(sem_getvalue(s, &value) == 0 && value >= 1);
	insist(sem_wait(s) == 0);
	insist(sem_close(s) == 0);
}

static void *work(void *dice)
{
	struct dice *d = dice;

	for (long n = 0; n < operations; n++)
		if (pick(d, 4) == 0)
			remove_one(d);
		else
			borrow(d);
	return NULL;
}

static int be(int index)
{
	seed = seed * 7 + index;
	run_all(per_process, work);
	return 0;
}

int main(int argc, char **argv)
{
	char file[20], number[20], *words[] = {argv[0], argv[1], number, file, NULL}, *empty[] = {NULL};
	int status, fd = argc > 3 ? atoi(argv[3]) : memfd_create("all", 0), value;
	sem_t *s;

	begin(argc, argv);
	if (argc < 3)
		operations = 60;
	per_process = 1 + threads % 5;
	insist(fd >= 0 && (argc > 3 || ftruncate(fd, sizeof *all) == 0));
	all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	insist(all != MAP_FAILED);
	if (argc > 3)
		return be(PROCESSES - 1);
	snprintf(all->prefix, sizeof all->prefix, "/torture-%d", getpid());
	snprintf(file, sizeof file, "%d", fd);
	snprintf(number, sizeof number, "%ld", operations);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			if (i < PROCESSES - 1)
				_exit(be(i));
			execve("/proc/self/exe", words, empty);
			_exit(98);
		}
	for (int i = 0; i < PROCESSES; i++)
		insist(wait(&status) > 0 && status == 0);
	for (int i = 0; i < NAMES; i++) {
		s = sem_open(name_of(i, "kept"), 0);
		insist((s != SEM_FAILED) == (all->created[i] == 1));
		if (s == SEM_FAILED)
			continue;
		insist(sem_getvalue(s, &value) == 0 && value == TOKENS);
		sem_close(s);
		sem_unlink(name_of(i, "kept"));
	}
	return 0;
}
