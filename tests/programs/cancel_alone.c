/*
 * A program without a second thread cancels itself: libc's own cancellation points act on it, clean-up handlers run, and
 * the process ends with status 0. A thread that may be cancelled at any time is, in a raw system call and by itself, too; and
 * a join that would go round in a circle is none if the other was cancelled.
 */
#include "check.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void say(void *what)
{
	printf("cleaned up: %s\n", (char *)what);
	fflush(stdout);
}

static int status_of(pid_t pid)
{
	int status;

	expect(waitpid(pid, &status, 0) == pid);
	return status;
}

static void cancel_myself(const char *how, int state, int type)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pthread_cleanup_push(say, (void *)how);
		pthread_setcanceltype(type, NULL);
		pthread_setcancelstate(state, NULL);
		expect(pthread_cancel(pthread_self()) == 0);
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		for (int i = 0; i < 10; i++) {
			putchar('.');
			fflush(stdout); /* writes */
		}
		pthread_cleanup_pop(0);
		_exit(1);
	}
	printf("%s: status %d\n", how, status_of(pid));
}

static pthread_barrier_t barrier;

static void *waits_for_ever(void *arg)
{
	(void)arg;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_barrier_wait(&barrier);
	for (;;)
		syscall(SYS_ppoll, NULL, 0L, NULL, NULL, 8L);
	return NULL;
}

static void *cancels_itself(void *arg)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_cancel(pthread_self());
	puts("goes on after its own cancellation");
	return arg;
}

static void *joins_main(void *main_thread)
{
	pthread_join((pthread_t)main_thread, NULL);
	return NULL;
}

int main(void)
{
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	cancel_myself("deferred", PTHREAD_CANCEL_ENABLE, PTHREAD_CANCEL_DEFERRED);
	cancel_myself("disabled at first", PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_DEFERRED);
	cancel_myself("asynchronous", PTHREAD_CANCEL_ENABLE, PTHREAD_CANCEL_ASYNCHRONOUS);

	pthread_barrier_init(&barrier, NULL, 2);
	t = start(waits_for_ever, NULL);
	pthread_barrier_wait(&barrier);
	let_block();
	tell_error(pthread_cancel(t));
	printf("raw call: %s\n", join(t) == PTHREAD_CANCELED ? "cancelled" : "returned");

	t = start(cancels_itself, NULL);
	printf("by itself: %s\n", join(t) == PTHREAD_CANCELED ? "cancelled" : "returned");

	t = start(joins_main, (void *)pthread_self());
	let_block();
	tell_error(pthread_cancel(t));
	printf("joined: %s\n", join(t) == PTHREAD_CANCELED ? "cancelled" : "returned");
	return 0;
}
