/* A thread's CPU clock counts what that thread has run: by CLOCK_THREAD_CPUTIME_ID, by the clock of a pthread_t from anywhere,
 * by getrusage and by the raw calls; it stands still while the thread waits, and the clock of an ended thread is none. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000ll

static sem_t ready, go;
static volatile int stop;

static long long now(clockid_t clock)
{
	struct timespec t = {-1, 0};

	if (clock_gettime(clock, &t) < 0)
		return -errno;
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long mine(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID);
}

static long long usage(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000ll +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ll;
}

static long long raw(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void compute(long long ns)
{
	long long until = mine() + ns;

	while (mine() < until)
		for (volatile int i = 0; i < 10000; i++)
			;
}

static void say(const char *what, int yes)
{
	printf("%s: %s\n", what, yes ? "yes" : "no");
}

/* ---- a new thread's clock begins near 0, whatever its creator has used ---- */

static void *new_thread(void *arg)
{
	*(long long *)arg = mine();
	return NULL;
}

/* ---- each its own work, whoever runs in between ---- */

struct worker {
	pthread_t thread;
	int ms;
	long long total, by_usage, by_raw;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 10; i++) {
		compute(w->ms * MS / 10);
		usleep(100);
	}
	w->total = mine();
	w->by_usage = usage();
	w->by_raw = raw();
	return NULL;
}

static void shares(void)
{
	struct worker w[] = {{.ms = 10}, {.ms = 40}, {.ms = 0}};
	long long sum = 0, process;
	int right = 1, agree = 1;

	for (int i = 0; i < 3; i++)
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(w[i].thread, NULL);
		right &= w[i].total >= w[i].ms * MS && w[i].total < w[i].ms * MS + 20 * MS;
		agree &= w[i].by_raw >= w[i].total && w[i].by_raw < w[i].total + 10 * MS;
		agree &= w[i].by_usage >= w[i].total - 10 * MS && w[i].by_usage < w[i].total + 10 * MS;
		sum += w[i].total;
	}
	process = now(CLOCK_PROCESS_CPUTIME_ID);
	say("each worker used what it worked", right);
	say("getrusage and raw calls agree", agree);
	say("together no more than the process", sum + mine() <= process);
}

/* ---- another's clock ---- */

static void *wait_for_go(void *arg)
{
	compute(20 * MS);
	sem_post(&ready);
	sem_wait(&go);
	return arg;
}

static void *spin(void *arg)
{
	sem_post(&ready);
	while (!stop)
		;
	return arg;
}

static void blocked(void)
{
	struct timespec t;
	pthread_t thread;
	clockid_t clock;
	long long before;

	pthread_create(&thread, NULL, wait_for_go, NULL);
	sem_wait(&ready);
	say("clock of a thread", pthread_getcpuclockid(thread, &clock) == 0);
	say("has a resolution", clock_getres(clock, &t) == 0 && t.tv_sec == 0 && t.tv_nsec == 1);
	before = now(clock);
	say("shows its work", before >= 20 * MS && before < 40 * MS);
	compute(30 * MS);
	usleep(20000);
	say("stands while it waits", now(clock) - before < 5 * MS);
	say("cannot be set", clock_settime(clock, &(struct timespec){1, 0}) < 0 && errno == EPERM);
	sem_post(&go);
	pthread_join(thread, NULL);
	say("none once it has ended", now(clock) == -EINVAL);
}

static void busy(void)
{
	struct timespec t = {0, 30 * MS};
	pthread_t thread;
	clockid_t clock;
	long long before, own;

	pthread_create(&thread, NULL, spin, NULL);
	sem_wait(&ready);
	pthread_getcpuclockid(thread, &clock);
	before = now(clock);
	own = mine();
	say("sleep by it", clock_nanosleep(clock, 0, &t, NULL) == 0);
	say("it has used that", now(clock) - before >= 30 * MS);
	say("the sleeper has not", mine() - own < 20 * MS);
	t = (struct timespec){0, 1};
	say("a time that has passed", clock_nanosleep(clock, TIMER_ABSTIME, &t, NULL) == 0);
	stop = 1;
	pthread_join(thread, NULL);
}

int main(void)
{
	long long first, last = 0, next;
	int grows = 1;
	pthread_t thread;
	clockid_t clock;

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	compute(100 * MS);
	pthread_create(&thread, NULL, new_thread, &first);
	pthread_join(thread, NULL);
	say("a new thread begins near 0", first >= 0 && first < 50 * MS);
	say("main keeps what it had", mine() >= 100 * MS);
	pthread_getcpuclockid(pthread_self(), &clock);
	say("the clock of main", now(clock) >= 100 * MS && now(clock) < 200 * MS);
	say("by itself", clock_nanosleep(clock, 0, &(struct timespec){0, 1}, NULL) == EINVAL);
	shares();
	blocked();
	busy();
	for (int i = 0; i < 1000; i++, last = next) {
		next = mine();
		grows &= next >= last;
		if (i % 100 == 0)
			usleep(1);
	}
	say("never goes back", grows);
	say("no such clock", now((clockid_t)(~(1u << 27) << 3 | 6)) == -EINVAL);
	return 0;
}
