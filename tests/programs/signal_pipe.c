/*
 * SIGPIPE is the writing thread's: blocked there it stays pending there, whatever the others block, and kills nobody; a
 * handler runs on the thread that wrote; sigtimedwait takes it away; MSG_NOSIGNAL sends none.
 */
#include "check.h"

#include <signal.h>
#include <sys/socket.h>

static int broken[2];
static pthread_t handled_by;
static int handled;
static struct turn turn = TURN;

static void on_pipe(int sig)
{
	(void)sig;
	handled++;
	handled_by = pthread_self();
}

static bool is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE);
}

static void change(int what)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(what, &set, NULL);
}

static void *blocks(void *arg)
{
	change(SIG_BLOCK);
	printf("not yet pending: %d\n", is_pending());
	tell(write(broken[1], "x", 1));
	printf("pending: %d\n", is_pending());
	turn_set(&turn, 1);
	turn_wait(&turn, 2);
	for (int i = 0; i < 5; i++)
		sleep_ms(1);
	printf("still pending: %d\n", is_pending());
	signal(SIGPIPE, on_pipe);
	change(SIG_UNBLOCK);
	printf("handled %d, by this thread: %d\n", handled, pthread_equal(handled_by, pthread_self()) != 0);
	return arg;
}

static void *takes(void *arg)
{
	struct timespec now = {0, 0};
	siginfo_t info;
	sigset_t set;

	change(SIG_BLOCK);
	tell(write(broken[1], "x", 1));
	sleep_ms(2);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	tell(sigtimedwait(&set, &info, &now) == SIGPIPE);
	tell(sigtimedwait(&set, &info, &now));
	change(SIG_UNBLOCK);
	return arg;
}

static void *handles(void *arg)
{
	int before = handled;

	tell(write(broken[1], "x", 1));
	printf("handled %d, by this thread: %d\n", handled - before, pthread_equal(handled_by, pthread_self()) != 0);
	return arg;
}

static void *asks_for_none(void *arg)
{
	int fd[2], before = handled;

	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	close(fd[0]);
	tell(send(fd[1], "x", 1, MSG_NOSIGNAL));
	printf("handled %d\n", handled - before);
	tell(send(fd[1], "x", 1, 0));
	printf("handled %d\n", handled - before);
	close(fd[1]);
	return arg;
}

int main(void)
{
	pthread_t t;

	expect(pipe(broken) == 0);
	close(broken[0]);
	t = start(blocks, NULL);
	turn_wait(&turn, 1);
	for (int i = 0; i < 5; i++)
		sleep_ms(1);
	printf("main lives, pending %d\n", is_pending());
	turn_set(&turn, 2);
	join(t);
	join(start(takes, NULL));
	join(start(handles, NULL));
	join(start(asks_for_none, NULL));
	return 0;
}
