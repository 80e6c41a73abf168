/* Like deadlock.c with nobody else, but a SIGCHLD handler, and main waits for any child again and again: it has none. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;
static volatile sig_atomic_t children;

static void child_ended(int signal)
{
	children++;
}

static void *lock(void *first)
{
	pthread_mutex_lock(first);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(first == &one ? &two : &one);
	return NULL;
}

int main(void)
{
	pthread_t a, b;
	int strange = 0;

	signal(SIGCHLD, child_ended);
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&a, NULL, lock, &one);
	pthread_create(&b, NULL, lock, &two);
	for (int i = 0; i < 300; i++) {
		usleep(10000);
		strange += waitpid(-1, NULL, 0) != -1 || errno != ECHILD;
	}
	printf("%d children, %d strange\n", (int)children, strange);
	return 0;
}
