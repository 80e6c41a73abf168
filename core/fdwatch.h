/*
 * Between the descriptor table (fdwatch.c) and libev (poller.c).
 */
#ifndef VV_FDWATCH_H
#define VV_FDWATCH_H

#include <ev.h>

void vv__poller_start(ev_io *w);
void vv__poller_stop(ev_io *w);
/* Take fd out of the kernel's set, whatever libev thinks; before fd is closed. */
void vv__poller_drop(int fd);

#endif
