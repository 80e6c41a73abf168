/*
 * A thread ends by the system call itself: nothing is unwound, no clean-up handler or destructor runs, who joins it gets
 * null. The last one's status is the process's.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_key_t key;
static pthread_barrier_t barrier;

struct noisy {
	const char *name;
	~noisy()
	{
		printf("%s destroyed\n", name);
	}
};

static void destroy(void *name)
{
	printf("%s destroyed\n", static_cast<const char *>(name));
}

static void *body(void *)
{
	static thread_local noisy of_thread{"a thread's object"};
	noisy of_frame{"a frame's object"};

	pthread_setspecific(key, of_thread.name);
	pthread_cleanup_push(destroy, const_cast<char *>("a clean-up handler"));
	try {
		syscall(SYS_exit, 5);
	} catch (...) {
		puts("caught");
		throw;
	}
	pthread_cleanup_pop(0);
	return const_cast<char *>("returned");
}

static void *last(void *)
{
	pthread_barrier_wait(&barrier);
	usleep(20000);
	syscall(SYS_exit, 7);
	return nullptr;
}

int main()
{
	pthread_t t;
	void *value = &t;
	int status;
	pid_t child;

	pthread_key_create(&key, destroy);
	pthread_barrier_init(&barrier, nullptr, 2);
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, nullptr, body, nullptr);
		pthread_join(t, &value);
		printf("value %s\n", value ? "not null" : "null");
	}
	fflush(stdout);
	child = fork();
	if (child == 0) {
		pthread_create(&t, nullptr, last, nullptr);
		pthread_barrier_wait(&barrier);
		syscall(SYS_exit, 3);
	}
	waitpid(child, &status, 0);
	printf("status %d\n", status >> 8);
	return 0;
}
