/* Row 26: pipes to another process, waited for. */
#include "say.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int to[2], from[2];

static void relay(void)
{
	char msg[64];
	ssize_t n;

	for (int i = 0; i < 10 && (n = recv(to[1], msg, 16, 0)) > 0; i++) {
		n += sprintf(msg + n, " in %d", i);
		send(from[0], msg, n, 0);
	}
	_exit(0);
}

static void *put_msg(void *unused)
{
	for (int i = 0; i < 10; i++) {
		vv_wait_write(to[0], VV_FOREVER);
		send(to[0], "hi", 2, 0);
	}
	return NULL;
}

static void *get_msg(void *unused)
{
	char msg[64];
	ssize_t n;

	for (int i = 0; i < 10; i++) {
		vv_wait_read(from[1], VV_FOREVER);
		n = recv(from[1], msg, sizeof msg, 0);
		say("%.*s", (int)n, msg);
	}
	return NULL;
}

int main(void)
{
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, to) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, from) < 0)
		return 1;
	child = fork();
	if (child == 0)
		relay();
	struct vv_greenlet *both[] = {vv_spawn(get_msg, NULL), vv_spawn(put_msg, NULL)};

	join_and_free(both, 2);
	return waitpid(child, NULL, 0) != child;
}
