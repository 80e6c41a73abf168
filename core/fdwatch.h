/*
 * Between the descriptor table (fdwatch.c) and libev (poller.c).
 */
#ifndef VV_FDWATCH_H
#define VV_FDWATCH_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

void vv__poller_start(ev_io *w);
void vv__poller_stop(ev_io *w);
/* Take fd out of the kernel's set, whatever libev thinks; before fd is closed. */
void vv__poller_drop(int fd);

/* Who polls for POLLIN | POLLPRI wants urgent data, too, and libev knows none: the poller adds it to what libev asks
 * for. False: not for this descriptor. */
bool vv__fd_takes_urgent(int fd);
/* Urgent data has come. True: it counts as data. False: nobody asked for it; set *wanted to the events to keep. */
bool vv__fd_urgent(int fd, uint32_t *wanted);

/* libev keeps the descriptor in the lower half of an event's data. */
static inline int vv__fd_of_event(const struct epoll_event *e)
{
	return (int)(uint32_t)e->data.u64;
}
void vv__fd_fetch_ahead(const struct epoll_event *events, int n);

#endif
