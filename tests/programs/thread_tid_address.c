/* set_tid_address, as syscall(), answers what gettid answers, in main and in threads; main's end is not disturbed. */
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *same(void)
{
	int *word = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &word, 0, 0, 0) != 0)
		return "the same"; /* a kernel without checkpoint and restore */
	syscall(SYS_set_tid_address, NULL);
	return syscall(SYS_set_tid_address, word) == gettid() ? "the same" : "different";
}

static void *thread(void *arg)
{
	printf("thread %s: %s\n", (char *)arg, same());
	return NULL;
}

int main(void)
{
	pthread_t t;

	printf("main alone: %s\n", same());
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, thread, (char *[]){"a", "b", "c"}[i]);
		pthread_join(t, NULL);
	}
	printf("main: %s\n", same());
	return 0;
}
