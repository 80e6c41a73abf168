/* A thread finds itself and others under /proc by the id that gettid answers: name, state, times. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static sem_t ready, go;
static int id;

static void burn(int ms)
{
	struct timespec t;
	long until, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	now = t.tv_sec * 1000 + t.tv_nsec / 1000000;
	for (until = now + ms; now < until; now = t.tv_sec * 1000 + t.tv_nsec / 1000000)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
}

static FILE *file_of(const char *form, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, form, id, name);
	return fopen(path, "r");
}

static void tell_stat(const char *form)
{
	FILE *f = file_of(form, "stat");
	long user = -1, system = -1;
	int number = 0;
	char name[32] = "", state = 0;

	if (f && fscanf(f, "%d (%31[^)]) %c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld %ld", &number, name,
		     &state, &user, &system) == 5)
		printf("stat: %s %s %c, time %s\n", number == id ? "its id" : "another's id", name, state,
		    user + system >= 3 && user + system < 20 ? "right" : "wrong");
	else
		printf("no stat\n");
	if (f)
		fclose(f);
}

static void tell_status(const char *form)
{
	FILE *f = file_of(form, "status");
	char line[128];
	int number;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Pid: %d", &number) == 1)
			printf("Pid %s\n", number == id ? "right" : "wrong");
		else if (sscanf(line, "Tgid: %d", &number) == 1)
			printf("Tgid %s\n", number == getpid() ? "right" : "wrong");
		else if (!strncmp(line, "Name:", 5) || !strncmp(line, "State:", 6))
			printf("%s", line);
	if (f)
		fclose(f);
}

static void tell_comm(const char *form)
{
	char path[64], text[64] = "";
	int fd, n;

	snprintf(path, sizeof path, form, id, "comm");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof text);
	printf("comm: %d bytes, %s", n, text);
	close(fd);
}

static void *thread(void *arg)
{
	id = gettid();
	pthread_setname_np(pthread_self(), "worker (1)");
	pthread_setname_np(pthread_self(), "worker");
	burn(50);
	tell_stat("/proc/self/task/%d/%s");
	tell_comm("/proc/self/task/%d/%s");
	sem_post(&ready);
	sem_wait(&go);
	return arg;
}

int main(void)
{
	char form[64];
	pthread_t t;

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	snprintf(form, sizeof form, "/proc/%d/task/%%d/%%s", getpid());
	pthread_create(&t, NULL, thread, NULL);
	sem_wait(&ready);
	usleep(10000);
	tell_stat(form);
	tell_status(form);
	tell_status("/proc/%d/%s");
	tell_comm(form);
	sem_post(&go);
	pthread_join(t, NULL);
	usleep(10000);
	printf("gone: %s\n", file_of(form, "stat") ? "no" : "yes");
	printf("no such file: %s\n", fopen("/proc/self/task/1/none", "r") ? "there" : "not there");
	return 0;
}
