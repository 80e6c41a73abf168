/*
 * pthread_exit from main: the others go on, its clean-up handlers and key destructors run; the program ends with status
 * 0 when the last thread has ended, atexit functions included.
 */
#include "check.h"

static pthread_t main_thread;
static pthread_key_t key;

static void at_exit(void)
{
	printf("at exit\n");
}

static void destroy(void *arg)
{
	printf("key destructor: %s\n", (char *)arg);
}

static void clean(void *arg)
{
	printf("clean-up: %s\n", (char *)arg);
}

static void *second(void *arg)
{
	sleep_ms(20);
	printf("second ends\n");
	return arg;
}

static void *first(void *arg)
{
	void *value;

	expect(pthread_join(main_thread, &value) == 0);
	printf("main joined: %ld\n", (long)value);
	pthread_detach(start(second, NULL));
	printf("first ends\n");
	return arg;
}

int main(void)
{
	atexit(at_exit);
	pthread_key_create(&key, destroy);
	pthread_setspecific(key, "main's");
	main_thread = pthread_self();
	start(first, NULL);
	pthread_cleanup_push(clean, "main's");
	printf("main leaves\n");
	pthread_exit((void *)5L);
	pthread_cleanup_pop(0);
}
