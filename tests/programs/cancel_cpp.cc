/*
 * Cancellation unwinds C++ frames: destructors and clean-up handlers in order, catch (...) sees it and must rethrow,
 * thread_local objects and keys after that.
 */
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <string>
#include <unistd.h>

struct Noisy {
	std::string name;

	explicit Noisy(const char *n) : name(n)
	{
	}
	~Noisy()
	{
		printf("~%s\n", name.c_str());
	}
};

static thread_local Noisy local("thread_local");
static pthread_key_t key;
static int fd[2];
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;

static void inner(long how)
{
	Noisy frame("inner frame");
	char byte;

	if (how == 0) {
		if (read(fd[0], &byte, 1) >= 0)
			printf("read came back\n");
	} else if (how == 1) {
		sleep(1000);
	} else {
		struct Unlock {
			~Unlock()
			{
				pthread_mutex_unlock(&m);
			}
		} unlock;
		pthread_mutex_lock(&m);
		for (;;)
			pthread_cond_wait(&c, &m);
	}
}

static void *body(void *arg)
{
	Noisy outer("outer frame");

	local.name = "local";
	pthread_setspecific(key, "value");
	pthread_cleanup_push([](void *) { printf("clean-up\n"); }, nullptr);
	try {
		inner((long)arg);
	} catch (...) {
		printf("catch (...)\n");
		throw;
	}
	pthread_cleanup_pop(0);
	return nullptr;
}

int main()
{
	pthread_key_create(&key, [](void *value) { printf("key %s\n", (char *)value); });
	if (pipe(fd))
		return 1;
	for (long how = 0; how < 3; how++) {
		pthread_t t;
		void *value;

		pthread_create(&t, nullptr, body, (void *)how);
		usleep(20000);
		pthread_cancel(t);
		pthread_join(t, &value);
		printf("cancelled %d, mutex free %d\n", value == PTHREAD_CANCELED, pthread_mutex_trylock(&m) == 0);
		pthread_mutex_unlock(&m);
	}
}
