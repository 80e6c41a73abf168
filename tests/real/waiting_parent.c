/*
 * A parent ticks every 10 ms beside 50 threads, each of which waits for a child of its own that takes up to a second.
 * Prints the statuses, and on stderr by how many seconds the latest tick was late.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 50 };

static _Atomic int left = CHILDREN;
static int statuses[CHILDREN];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *wait_for_child(void *arg)
{
	int number = (int)(long)arg, status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		usleep((useconds_t)(number * 7919 % 1000) * 1000);
		_exit(number);
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		statuses[number] = WEXITSTATUS(status);
	left--;
	return NULL;
}

int main(void)
{
	pthread_t threads[CHILDREN];
	double latest = 0, due, late;

	for (long i = 0; i < CHILDREN; i++)
		pthread_create(&threads[i], NULL, wait_for_child, (void *)i);
	while (left > 0) {
		due = now() + 0.01;
		usleep(10000);
		late = now() - due;
		latest = late > latest ? late : latest;
	}
	for (int i = 0; i < CHILDREN; i++) {
		pthread_join(threads[i], NULL);
		printf("%d ", statuses[i]);
	}
	fprintf(stderr, "%.6f\n", latest);
	return 0;
}
