/* Threads read their own and each other's CPU clocks while they yield, sleep, compute, sync a file, signal each other and end:
 * no clock goes back, and all together are no more than the process's. A forked child's clock begins anew. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 12, ROUNDS = 3 };

static pthread_t threads[THREADS];
static clockid_t clocks[THREADS];
static pthread_barrier_t start;
static _Atomic int went_back, reads;
static _Atomic long long total;
static volatile int stop;

static long long now(clockid_t clock)
{
	struct timespec t;

	return clock_gettime(clock, &t) < 0 ? -1 : t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void handler(int sig)
{
	if (now(CLOCK_THREAD_CPUTIME_ID) < 0)
		went_back += sig;
}

static void sync_a_file(void)
{
	int fd = open("/dev/null", O_RDONLY);

	fsync(fd);
	close(fd);
}

static void look_at(int other, long long *seen)
{
	long long t = now(clocks[other]);

	if (t < 0)
		return; /* has ended */
	went_back += t < *seen;
	*seen = t;
	reads++;
}

static void act(unsigned *seed, long long *seen)
{
	struct rusage usage;
	int other = rand_r(seed) % THREADS;

	switch (rand_r(seed) % 7) {
	case 0:
		sched_yield();
		break;
	case 1:
		usleep(rand_r(seed) % 300);
		break;
	case 2:
		for (volatile int i = rand_r(seed) % 300000; i > 0; i--)
			;
		break;
	case 3:
		sync_a_file();
		break;
	case 4:
		pthread_kill(threads[other], SIGUSR1);
		break;
	case 5:
		getrusage(RUSAGE_THREAD, &usage);
		break;
	default:
		look_at(other, &seen[other]);
	}
}

static void *run(void *number)
{
	unsigned seed = (unsigned)(long)number;
	long long last = 0, t, seen[THREADS] = {0};

	pthread_barrier_wait(&start);
	while (!stop) {
		act(&seed, seen);
		t = now(CLOCK_THREAD_CPUTIME_ID);
		went_back += t < last;
		last = t;
	}
	total += now(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void one_round(void)
{
	stop = 0;
	for (long i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, run, (void *)i);
		pthread_getcpuclockid(threads[i], &clocks[i]);
	}
	pthread_barrier_wait(&start);
	usleep(100000);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	long long all;
	int status;

	signal(SIGUSR1, handler);
	pthread_barrier_init(&start, NULL, THREADS + 1);
	for (int i = 0; i < ROUNDS; i++)
		one_round();
	all = total + now(CLOCK_THREAD_CPUTIME_ID);
	printf("clocks were read: %s\n", reads ? "yes" : "no");
	printf("went back: %d\n", went_back);
	printf("no more than the process: %s\n", all <= now(CLOCK_PROCESS_CPUTIME_ID) ? "yes" : "no");
	fflush(stdout);
	if (fork() == 0)
		_exit(now(CLOCK_THREAD_CPUTIME_ID) < all);
	wait(&status);
	printf("a child's begins anew: %s\n", WEXITSTATUS(status) ? "yes" : "no");
	return 0;
}
