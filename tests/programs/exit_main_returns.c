/*
 * Returning from main ends the program with that status, whatever its threads do: blocked in every way, running,
 * starting. atexit functions run once, streams are flushed.
 * vervet-status: 7
 */
#include "check.h"

#include <semaphore.h>
#include <sys/socket.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static sem_t sem;
static int fd[2];

static void *block(void *arg)
{
	char c;

	switch ((long)arg) {
	case 0:
		pthread_mutex_lock(&m);
		break;
	case 1:
		sem_wait(&sem);
		break;
	case 2:
		expect(read(fd[0], &c, 1) == 1);
		break;
	case 3:
		sleep(1000);
		break;
	case 4:
		pause();
		break;
	case 5:
		for (;;)
			sched_yield();
	case 6:
		for (volatile int i = 0;; i++)
			;
	}
	printf("must not go on: %ld\n", (long)arg);
	return NULL;
}

static void at_exit(void)
{
	printf("at exit\n");
}

int main(void)
{
	atexit(at_exit);
	sem_init(&sem, 0, 0);
	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	pthread_mutex_lock(&m);
	for (long i = 0; i < 7; i++)
		start(block, (void *)i);
	let_block();
	printf("main returns");
	return 7;
}
