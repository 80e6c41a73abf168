/*
 * Iterative servers served concurrently (--fan-out): what the other families ask of fanout.c. The program's wait for a
 * connection, in accept or in poll and its like on a listener, is a place where its one flow of control branches: the
 * trunk waits on, a branch goes on with the connection. A branch that comes back to such a place has served it.
 */
#ifndef VV_FANOUT_H
#define VV_FANOUT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct vv_greenlet;

enum vv__fanout_mode { VV__FANOUT_OFF, VV__FANOUT_GREENLET, VV__FANOUT_FORK, VV__FANOUT_PREFORK };

struct vv__fanout_settings {
	enum vv__fanout_mode mode;
	bool check;	  /* greenlet, and fancheck.c looks on */
	unsigned workers; /* prefork */
	unsigned max;	  /* connections in flight */
	int64_t drain_ns; /* how long exit waits for the other connections */
};

extern struct vv__fanout_settings vv__fanout;

#define vv__fanout_on() __builtin_expect(vv__fanout.mode != VV__FANOUT_OFF, 0)

/* accept4 of a program that may be fanned out. True: *result and errno are the call's. False: nothing happened. */
bool vv__fanout_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, int *result);

/* True if one of the descriptors is a listener at which the program branches: vv__fanout_poll then stands for poll. */
bool vv__fanout_polls(const struct pollfd *fds, nfds_t n);
/* Returns as ppoll the system call. */
long vv__fanout_poll(struct pollfd *fds, nfds_t n, int64_t deadline);

/* True in a branch: it serves a connection. */
bool vv__fanout_in_branch(void);

/* The frame in which the program's main was called. */
void vv__fanout_base(void *base);

/* These descriptors are about to be closed. */
void vv__fanout_closing(unsigned first, unsigned last);

/* A thread was made: the program goes on as it is. */
void vv__fanout_thread(void);

/* The program ends: wait for the other connections, as long as allowed. */
void vv__fanout_drain(void);

/* In a forked child. */
void vv__fanout_fork_child(void);

/* For --stats: false if nothing was fanned out. */
struct vv__fanout_stats {
	uint64_t connections, peak;
};
extern struct vv__fanout_stats vv__fanout_stats;

/* ---- fankeys.c: thread-specific values ---- */

/* A key was made by the code at `maker`. */
void vv__fankeys_made(unsigned key, const void *maker);
void vv__fankeys_start(void);
/* The caller is a new branch; ends; g ends, which does not run. */
void vv__fankeys_branch(void);
void vv__fankeys_end(void);
void vv__fankeys_drop(struct vv_greenlet *g);

/* ---- fancheck.c ---- */

void vv__fancheck_start(void);
/* Connection `serial` is about to run, or has just begun; no connection runs. */
void vv__fancheck_runs(uint32_t serial);
void vv__fancheck_stops(void);
/* Nothing is watched any more. */
void vv__fancheck_ends(void);
void vv__fancheck_flies(uint32_t serial, bool flies);

/* The slice that serves connection `serial`, or null. */
struct vv_greenlet *vv__fanout_of(uint32_t serial);
/* The variable that p lies in, of the object loaded from path at base; 64 bytes if it has no name. */
void vv__fanobject(char *p, const char *path, uintptr_t base, char **start, size_t *size);

/* ---- fanout_fork.c: branches that are processes ---- */

/* Returns 1 in the branch, 0 in the trunk, or a negative errno. */
int vv__fanout_fork(void);
/* Wait until there are less than that: 0, -EINTR, -ETIMEDOUT. */
int vv__fanout_fork_wait(int below, int64_t deadline);
/* End this branch. */
void vv__fanout_fork_end(void) __attribute__((noreturn));
/* prefork: returns 1 in a worker, and in the supervisor a negative errno. */
int vv__fanout_supervise(void);

#endif
