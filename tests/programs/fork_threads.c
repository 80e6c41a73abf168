/*
 * fork from threads: only the caller lives on in the child, which can make threads of its own, lock, sleep, talk; the
 * parent's threads go on undisturbed. pthread_atfork in order.
 */
#include "net.h"

#include <sys/wait.h>

enum { FORKERS = 4, FORKS = 12, TALKERS = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stop, prepared, after_parent, after_child;
static __thread int local = 1;

static void prepare(void)
{
	pthread_mutex_lock(&lock);
	prepared++;
}

static void parent(void)
{
	after_parent++;
	pthread_mutex_unlock(&lock);
}

static void child(void)
{
	after_child++;
	pthread_mutex_unlock(&lock);
}

static void *add(void *arg)
{
	pthread_mutex_lock(&lock);
	*(int *)arg += local;
	pthread_mutex_unlock(&lock);
	sleep_ms(1);
	return NULL;
}

static int child_body(int number)
{
	pthread_t t[3];
	int sum = 0, fd[2];
	char c;

	expect(local == number);
	expect(after_child == 1);
	for (int i = 0; i < 3; i++)
		t[i] = start(add, &sum);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	expect(sum == 3);
	expect(pipe(fd) == 0);
	expect(write(fd[1], "x", 1) == 1 && read(fd[0], &c, 1) == 1);
	return number;
}

static void *forker(void *arg)
{
	int status, sum = 0;

	for (int i = 0; i < FORKS; i++) {
		local = (int)(long)arg * FORKS + i;
		pid_t pid = fork();
		expect(pid >= 0);
		if (pid == 0)
			_exit(child_body(local));
		expect(waitpid(pid, &status, 0) == pid);
		expect(WIFEXITED(status) && WEXITSTATUS(status) == local);
		sum += WEXITSTATUS(status);
	}
	return (void *)(long)sum;
}

static void *talker(void *arg)
{
	int *fd = arg;
	long n = 0;
	char c = 'a';

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) || n < 50) {
		expect(write(fd[0], &c, 1) == 1);
		expect(read(fd[1], &c, 1) == 1);
		n++;
	}
	return (void *)(long)(n >= 50);
}

int main(void)
{
	pthread_t f[FORKERS], t[TALKERS];
	static int fd[TALKERS][2];
	long sum = 0;

	pthread_atfork(prepare, parent, child);
	for (int i = 0; i < TALKERS; i++) {
		unix_pair(SOCK_STREAM, fd[i]);
		t[i] = start(talker, fd[i]);
	}
	for (long i = 0; i < FORKERS; i++)
		f[i] = start(forker, (void *)i);
	for (int i = 0; i < FORKERS; i++)
		sum += (long)join(f[i]);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < TALKERS; i++)
		printf("talker %ld\n", (long)join(t[i]));
	printf("sum of statuses %ld, prepared %d, in parent %d, in child %d\n", sum, prepared, after_parent,
	    after_child);
	return 0;
}
