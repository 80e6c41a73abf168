/*
 * Echo server with State Threads, a thread for each connection. Prints its port.
 */
#include <st.h>

#include "echo_server.h"

static void *serve(void *fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = st_read(fd, buf, sizeof buf, ST_UTIME_NO_TIMEOUT)) > 0)
		if (st_write(fd, buf, n, ST_UTIME_NO_TIMEOUT) != n)
			break;
	st_netfd_close(fd);
	return NULL;
}

int main(void)
{
	int fd = listen_somewhere();
	st_netfd_t listener, c;

	st_set_eventsys(ST_EVENTSYS_ALT); /* epoll, where it was built with that */
	if (st_init() || !(listener = st_netfd_open_socket(fd)))
		return 1;
	while ((c = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT))) {
		no_delay(st_netfd_fileno(c));
		st_thread_create(serve, c, 0, 64 * 1024);
	}
	return 1;
}
