/*
 * Echo server with GNU Pth, a thread for each connection. Prints its port. Knows no descriptor above 1023.
 */
#include <pth.h>

#include "echo_server.h"

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	char buf[4096];
	ssize_t n;

	while ((n = pth_read(fd, buf, sizeof buf)) > 0)
		if (pth_write(fd, buf, n) != n)
			break;
	close(fd);
	return NULL;
}

int main(void)
{
	int listener = listen_somewhere(), fd;
	pth_attr_t attr;

	pth_init();
	attr = pth_attr_new();
	pth_attr_set(attr, PTH_ATTR_JOINABLE, FALSE);
	while ((fd = pth_accept(listener, NULL, NULL)) >= 0) {
		no_delay(fd);
		pth_spawn(attr, serve, (void *)(long)fd);
	}
	return 1;
}
