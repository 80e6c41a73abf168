/*
 * Descriptors are never changed behind the program's back: a child that shares a pipe and a socket sees them blocking
 * (or not) exactly as the program set them, while threads of the parent wait on them.
 */
#include "net.h"

#include <sys/wait.h>

static void *read_one(void *arg)
{
	char c;

	expect(read(*(int *)arg, &c, 1) == 1);
	return (void *)(long)c;
}

static void *write_much(void *arg)
{
	static char big[600000];

	write_all(*(int *)arg, big, sizeof big);
	return NULL;
}

static const char *flags(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK ? "non-blocking" : "blocking";
}

/* The exec'ed shell prints what it sees of descriptor 5 in /proc. */
static void ask_child(const char *what, int fd)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(fd, 5);
		setenv("WHAT", what, 1);
		unsetenv("LD_PRELOAD");
		execl("/bin/sh", "sh", "-c",
		    "f=$(sed -n 's/^flags:[^0-9]*//p' /proc/self/fdinfo/5) && echo $WHAT: $(((f / 04000) & "
		    "1))",
		    NULL);
		_exit(127);
	}
	expect(waitpid(child, &status, 0) == child && status == 0);
}

static void check(const char *what, int fd[2])
{
	char buf[4096];
	pthread_t t;

	t = start(read_one, &fd[0]);
	let_block();
	ask_child(what, fd[0]);
	printf("%s while read: %s\n", what, flags(fd[0]));
	expect(write(fd[1], "a", 1) == 1);
	join(t);
	t = start(write_much, &fd[1]);
	let_block();
	ask_child(what, fd[1]);
	printf("%s while written: %s\n", what, flags(fd[1]));
	for (size_t left = 600000; left;)
		left -= (size_t)read(fd[0], buf, left < sizeof buf ? left : sizeof buf);
	join(t);

	fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) | O_NONBLOCK);
	tell(read(fd[0], buf, 1));
	ask_child("set by the program", fd[0]);
	printf("%s\n", flags(fd[0]));
	fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) & ~O_NONBLOCK);
	t = start(read_one, &fd[0]);
	let_block();
	expect(write(fd[1], "b", 1) == 1);
	printf("blocking again: %c\n", (char)(long)join(t));
}

int main(void)
{
	int fd[2];

	expect(pipe(fd) == 0);
	check("pipe", fd);
	unix_pair(SOCK_STREAM, fd);
	check("socket", fd);
	tcp_pair(fd);
	check("tcp", fd);
	return 0;
}
