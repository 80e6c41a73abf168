/* A process counts its threads in its own stat and status: none is there that it did not make, none is missing. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 12 };

static sem_t ready, go;

static int in_stat(const char *path)
{
	FILE *f = fopen(path, "re");
	int n = -1;

	if (f) {
		if (fscanf(f,
			"%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %d",
			&n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

static int in_status(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	int n = -1;

	while (f && fgets(line, sizeof line, f))
		sscanf(line, "Threads: %d", &n);
	if (f)
		fclose(f);
	return n;
}

/* The kernel takes a moment to forget a thread that has been joined. */
static void expect(int n)
{
	char stat[64], status[64];
	int tries = 500;

	snprintf(stat, sizeof stat, "/proc/%d/stat", getpid());
	snprintf(status, sizeof status, "/proc/%d/status", getpid());
	while (in_stat("/proc/self/stat") != n && --tries)
		usleep(2000);
	printf("stat %d %d, status %d %d\n", in_stat("/proc/self/stat"), in_stat(stat),
	    in_status("/proc/self/status"), in_status(status));
}

static void *wait_to_go(void *arg)
{
	sem_post(&ready);
	sem_wait(&go);
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	expect(1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, wait_to_go, NULL);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	expect(1 + THREADS);
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	expect(1);
	return 0;
}
