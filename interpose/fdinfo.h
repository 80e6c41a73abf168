/*
 * What is known about the program's descriptors without asking the kernel: a sparse table, one small record per
 * number. A record is a hint that may be wrong (libc and raw system calls close and open descriptors behind our
 * back), so every use survives a wrong kind. What a wrong answer would do harm with (blocking mode, socket
 * time-outs) is believed only of descriptors that this process made and that nobody else can have changed:
 * `owned`, until the next fork, or until the description is passed or duplicated and then changed.
 */
#ifndef VV_FDINFO_H
#define VV_FDINFO_H

#include "interpose.h"

#include <sys/stat.h>

enum vv__fd_kind {
	VV__FD_UNKNOWN, /* try RWF_NOWAIT, learn from the error */
	VV__FD_TCP,	/* stream socket over inet or inet6 */
	VV__FD_STREAM,	/* other stream socket */
	VV__FD_PACKET,	/* socket that keeps record boundaries */
	VV__FD_PIPE,	/* pipe: RWF_NOWAIT works in both directions */
	VV__FD_COUNTER, /* eventfd, timerfd: RWF_NOWAIT works for reading */
	VV__FD_POLLED,	/* FIFO, inotify, some devices ...: ask poll, then make the real call */
	VV__FD_TTY,	/* terminal: reading may wait for more than poll knows (VTIME, job control) */
	VV__FD_FUSE,	/* /dev/fuse: reading as POLLED; it takes whatever is written */
	VV__FD_DISK,	/* regular file or block device: RWF_NOWAIT reads the page cache */
	VV__FD_SLOW,	/* the same on a file system without RWF_NOWAIT */
	VV__FD_INLINE,	/* never waits for long: memory file systems, /proc, directories */
};

enum {
	VV__FD_NONBLOCK = 1, /* O_NONBLOCK is set */
	VV__FD_TIMEOUTS = 2, /* SO_RCVTIMEO or SO_SNDTIMEO is set, or may be */
	VV__FD_LOWAT = 4,    /* SO_RCVLOWAT is set */
	VV__FD_LINGER = 8,   /* SO_LINGER is set: close may block */
	VV__FD_DUPED = 16,   /* another number of this process shares the description */
	VV__FD_SYNC = 32,    /* O_DIRECT or O_SYNC: writing waits for the disk */
	VV__FD_RACED =
	    64, /* listener that others accept from: an accept has blocked although poll said ready */
	VV__FD_LISTENS = 128,
	VV__FD_HANDLERS = 512, /* listener that a connection's handler made for itself (fanout.c) */
	VV__FD_ASYNC = 256, /* neither O_DIRECT nor O_SYNC */
};

enum { VV__HINT_DRAINED = 1 }; /* the last read took all there was: the next one surely waits */

struct vv__fdinfo {
	_Atomic uint32_t epoch; /* owned while this is the current epoch */
	_Atomic uint16_t facts;
	_Atomic uint8_t kind;
	_Atomic uint8_t hint;
	_Atomic uint32_t timeout[2]; /* SO_RCVTIMEO and SO_SNDTIMEO in µs, plus 1; 0: the kernel knows */
};

#define VV__FDINFO_LEAF 512u
#define VV__FDINFO_LEAVES 8192u

extern struct vv__fdinfo *_Atomic vv__fdinfo_leaves[VV__FDINFO_LEAVES];
extern struct vv__fdinfo vv__fdinfo_none;
extern _Atomic uint32_t vv__fdinfo_epoch;

struct vv__fdinfo *vv__fdinfo_make(int fd);

/* fd's record; for numbers nobody told us of, one that says "unknown" and must not be written to. */
static inline struct vv__fdinfo *vv__fdinfo(int fd)
{
	struct vv__fdinfo *leaf = NULL;

	if (vv__likely((unsigned)fd < VV__FDINFO_LEAF * VV__FDINFO_LEAVES))
		leaf = atomic_load_explicit(
		    &vv__fdinfo_leaves[(unsigned)fd / VV__FDINFO_LEAF], memory_order_acquire);
	return vv__likely(leaf != NULL) ? &leaf[(unsigned)fd % VV__FDINFO_LEAF] : &vv__fdinfo_none;
}

static inline bool vv__fdinfo_owned(const struct vv__fdinfo *info)
{
	return atomic_load_explicit(&info->epoch, memory_order_acquire) ==
	       atomic_load_explicit(&vv__fdinfo_epoch, memory_order_relaxed);
}

static inline enum vv__fd_kind vv__fdinfo_kind(const struct vv__fdinfo *info)
{
	return (enum vv__fd_kind)atomic_load_explicit(&info->kind, memory_order_relaxed);
}

static inline unsigned vv__fdinfo_facts(const struct vv__fdinfo *info)
{
	return atomic_load_explicit(&info->facts, memory_order_relaxed);
}

static inline bool vv__fd_is_stream(enum vv__fd_kind kind)
{
	return kind == VV__FD_TCP || kind == VV__FD_STREAM;
}

static inline bool vv__fd_is_socket(enum vv__fd_kind kind)
{
	return kind >= VV__FD_TCP && kind <= VV__FD_PACKET;
}

/* fd has just come into being by this process's own doing, with these facts (VV__FD_NONBLOCK ...). */
void vv__fdinfo_born(int fd, enum vv__fd_kind kind, unsigned facts);
/* fd is about to go, or has come from elsewhere: nothing is known. */
void vv__fdinfo_forget(int fd);
void vv__fdinfo_forget_range(unsigned first, unsigned last);
/* copy is a duplicate of fd. */
void vv__fdinfo_duped(int fd, int copy);
/* The description of fd goes to somebody else (SCM_RIGHTS). */
void vv__fdinfo_passed(int fd);
/* Every description may now be shared with another process: after fork (both sides), before spawn. */
void vv__fdinfo_shared(void);
/* This process has changed the description of fd (or learnt something): add and remove facts. */
void vv__fdinfo_changed(int fd, unsigned add, unsigned remove);
/* Ask the kernel what fd is, and remember it. */
enum vv__fd_kind vv__fdinfo_classify(int fd);
enum vv__fd_kind vv__fdinfo_remember(int fd, enum vv__fd_kind kind);
/* The same for a file that does not know RWF_NOWAIT: VV__FD_INLINE or VV__FD_SLOW. */
enum vv__fd_kind vv__fdinfo_classify_file(int fd);
/* What opening a file of which this is known will give: VV__FD_UNKNOWN if that must be seen. */
enum vv__fd_kind vv__fdinfo_kind_of(const struct stat *st);
/* True if writing to fd waits for the disk (O_DIRECT, O_SYNC, O_DSYNC). */
bool vv__fd_writes_through(int fd);

/* True if the program (or another process) has set O_NONBLOCK on fd. One system call unless fd is owned. */
bool vv__fd_nonblocking(int fd);
/* A pipe of which every page is in use has bytes free in them. poll says that it is full, but a write may fit. */
bool vv__fd_has_room(int fd);
/* SO_RCVTIMEO or SO_SNDTIMEO of fd in nanoseconds, 0 if none is set. One system call unless fd is owned. */
int64_t vv__fd_timeout(int fd, int option);

/* Everything that must happen before the number fd goes away. */
static inline void vv__fd_forget(int fd)
{
	vv__fd_closing(fd);
	vv__fdinfo_forget(fd);
}

#endif
