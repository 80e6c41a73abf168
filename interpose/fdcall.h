/*
 * A blocking call on one descriptor, written once: attempt, park on EAGAIN, retry. Shared by sockets, byte and vector
 * I/O, movers and event descriptors:
 *
 *     struct vv__fdcall c = vv__fdcall(fd, POLLIN, "recv");
 *     return vv__fdcall_end(&c, vv__attempts(&c, vv__syscall(SYS_recvfrom, c.fd, ... | MSG_DONTWAIT, ...)));
 *
 * An attempt returns a result or a negative errno and never blocks; -EAGAIN says that it would have. Whether the
 * program wanted to block at all (its O_NONBLOCK), and for how long (SO_RCVTIMEO, SO_SNDTIMEO), is asked only
 * when the first attempt has failed.
 */
#ifndef VV_FDCALL_H
#define VV_FDCALL_H

#include "fdinfo.h"

struct vv__fdcall {
	struct vv__fdinfo *info;
	int64_t deadline; /* set by the first wait */
	const char *what;
	int original, fd; /* fd: where attempts go; another number once the original has been closed */
	unsigned flags;	  /* how waits end: VV__EINTR ... */
	short events;
	bool asked; /* mode and time-out are known: a wait has been */
	bool cancelled;
	uint8_t kind;
};

/* fd of a call that waits for events (POLLIN or POLLOUT); a cancellation point. */
static inline struct vv__fdcall vv__fdcall(int fd, short events, const char *what)
{
	struct vv__fdinfo *info = vv__fdinfo(fd);

	vv__cancel_point(vv__self);
	return (struct vv__fdcall){
	    .info = info,
	    .what = what,
	    .original = fd,
	    .fd = fd,
	    .events = events,
	    .kind = vv__fdinfo_kind(info),
	};
}

/*
 * Park until the next attempt. 0: try again; -EAGAIN: the program does not want to wait (any longer); -EINTR,
 * -ECANCELED, -EPERM: cannot be waited for (a regular file).
 */
int vv__fdcall_wait(struct vv__fdcall *c);

/* Give back what the waits hold; act on a cancellation; r as libc returns it. */
long vv__fdcall_end_slow(struct vv__fdcall *c, long r);
static inline long vv__fdcall_end(struct vv__fdcall *c, long r)
{
	if (vv__likely(r >= 0 && c->fd == c->original))
		return r;
	return vv__fdcall_end_slow(c, r);
}

/* True if an attempt to read would surely fail: the last one took all there was. Used up by asking. */
static inline bool vv__fdcall_drained(struct vv__fdcall *c)
{
	if (!atomic_load_explicit(&c->info->hint, memory_order_relaxed) || !vv__fdinfo_owned(c->info) ||
	    vv__fdinfo_facts(c->info) & VV__FD_NONBLOCK)
		return false;
	atomic_store_explicit(&c->info->hint, 0, memory_order_relaxed);
	return true;
}

/* The last read took all there was. */
static inline void vv__fdcall_drain(struct vv__fdcall *c)
{
	if (c->info != &vv__fdinfo_none)
		atomic_store_explicit(&c->info->hint, VV__HINT_DRAINED, memory_order_relaxed);
}

/* Attempt until it neither says -EAGAIN nor may wait any longer. */
#define vv__attempts(c, attempt) vv__attempts_after(c, 0, attempt)
/* The same; wait before the first attempt if `first`. */
#define vv__attempts_after(c, first, attempt)                                                                \
	({                                                                                                   \
		long r_ = (first) ? vv__fdcall_wait(c) : 0;                                                  \
		if (r_ == 0)                                                                                 \
			do                                                                                   \
				r_ = (attempt);                                                              \
			while (r_ == -EAGAIN && (r_ = vv__fdcall_wait(c)) == 0);                             \
		r_;                                                                                          \
	})

/*
 * A datagram socket that was shut down for reading is ready, says poll, and has nothing, says an attempt, for ever. The
 * blocking call returns at once.
 */
bool vv__fdcall_shut(struct vv__fdcall *c);
/* An attempt to receive. The call has `dontwait` among its flags. */
#define vv__receiving(c, call)                                                                               \
	({                                                                                                   \
		int dontwait = MSG_DONTWAIT;                                                                 \
		long got_ = (call);                                                                          \
		if (vv__unlikely(got_ == -EAGAIN) && (c)->asked && vv__fdcall_shut(c)) {                     \
			dontwait = 0;                                                                        \
			got_ = (call);                                                                       \
		}                                                                                            \
		got_;                                                                                        \
	})

/* The real call on a carrier of its own. */
#define vv__hopped(call)                                                                                     \
	({                                                                                                   \
		vv__hop();                                                                                   \
		__typeof__(call) r_ = (call);                                                                \
		vv__hop_back();                                                                              \
		r_;                                                                                          \
	})

/* The rest of a blocking send to a stream, of which `done` bytes went out at once. Returns the sum. */
long vv__send_rest(struct vv__fdcall *c, const struct iovec *iov, size_t n, size_t done, int flags);

/* poll with time-out zero: the events that are there on fd (with POLLHUP, POLLERR, POLLNVAL), 0 if none. */
short vv__poll_now(int fd, short events);

#endif
