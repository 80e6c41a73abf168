/*
 * What reading (stdio_in.c) and writing (stdio_out.c) share. libc's streams call the kernel inside libc, where nobody
 * sees them; so their entry points decide before the call where it is to be made:
 *
 *   VV__HERE  it will not block (buffer, ready descriptor, regular file), or is not to block (O_NONBLOCK)
 *   VV__HELD  the same, after parking with the stream's lock held, as plain holds it while it blocks
 *   VV__AWAY  on a carrier: the lock is somebody else's, or more than one system call may be needed
 *   VV__FAIL  a signal ended the wait: the stream's error flag and errno are set
 *
 * A stream's lock belongs to a thread control block, so a greenlet holds it on every carrier. Where the guess is wrong
 * the call blocks its carrier, and the hub is handed over.
 */
#ifndef VV_STDIO_H
#define VV_STDIO_H

#include "interpose.h"

#include <stdio_ext.h>
#include <wchar.h>

/* Macros of libc's header, in the way of the functions. */
#undef fread_unlocked
#undef fwrite_unlocked

enum vv__place { VV__HERE, VV__HELD, VV__AWAY, VV__FAIL };

/* Flags of glibc's FILE (libio.h), the same since 2.1. */
enum {
	VV__F_UNBUFFERED = 0x2,
	VV__F_EOF = 0x10,
	VV__F_ERROR = 0x20,
	VV__F_BACKUP = 0x100,
	VV__F_LINE = 0x200,
	VV__F_FILEBUF = 0x2000,
	VV__F_USER_LOCK = 0x8000,
};

struct vv__stream_lock {
	int lock, count;
	void *owner;
};

/* The lock is free, ours, or not used. */
static inline bool vv__stream_lock_open(FILE *f)
{
	struct vv__stream_lock *l = (void *)f->_lock;

	return f->_flags & VV__F_USER_LOCK || !l || !__atomic_load_n(&l->lock, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == __builtin_thread_pointer();
}

/* -1: a stream in memory, or the program's own (fopencookie). */
static inline int vv__stream_fd(FILE *f)
{
	return f->_flags & VV__F_FILEBUF ? f->_fileno : -1;
}

static inline size_t vv__stream_buffered(FILE *f)
{
	return f->_IO_read_end - f->_IO_read_ptr;
}

/* The start of glibc's struct _IO_wide_data. */
struct vv__stream_wide {
	wchar_t *read_ptr, *read_end;
};

static inline size_t vv__stream_wide_buffered(FILE *f)
{
	struct vv__stream_wide *w = (void *)f->_wide_data;

	return f->_mode > 0 ? w->read_end - w->read_ptr : 0;
}

/* Bytes that wait to be written; wide characters count in any case as more than none. */
static inline size_t vv__stream_pending(FILE *f)
{
	return f->_IO_write_ptr - f->_IO_write_base;
}

bool vv__stream_regular(int fd);
/*
 * Slices (core/slice.h) have nowhere to hop to. So that libc never blocks in their stead, what a stream holds is written by
 * our own write, which parks, before a call that may write; and what does not fit the buffer goes past it.
 */
bool vv__stream_sliced(FILE *f);
bool vv__stream_drain(FILE *f);
/* fwrite for a slice; returns bytes. */
size_t vv__stream_put(FILE *f, const char *p, size_t n, bool locked);
/* One that popen made: closing it waits for the process. See process.c. */
bool vv__stream_is_process(FILE *f);
int vv__stream_await(FILE *f, short events);
enum vv__place vv__stream_fail(FILE *f, bool locked, int error);
void vv__stream_lock(FILE *f, bool locked);
void vv__stream_unlock(FILE *f, bool locked);

enum vv__place vv__input_place(FILE *f, bool locked, bool many);
enum vv__place vv__output_place(FILE *f, bool locked, size_t len);

/* The real call where `place` says; `locked` as given to vv__*_place. */
#define VV__STREAM_CALL(type, failed, real_call, place, f, locked)                                           \
	do {                                                                                                 \
		type result_;                                                                                \
		switch (place) {                                                                             \
		case VV__HERE:                                                                               \
			return real_call;                                                                    \
		case VV__HELD:                                                                               \
			result_ = real_call;                                                                 \
			vv__stream_unlock(f, locked);                                                        \
			return result_;                                                                      \
		case VV__AWAY:                                                                               \
			vv__hop();                                                                           \
			result_ = real_call;                                                                 \
			vv__hop_back();                                                                      \
			return result_;                                                                      \
		default:                                                                                     \
			return failed;                                                                       \
		}                                                                                            \
	} while (0)

/* A call that only takes the stream's lock. */
#define VV__LOCKER(type, name, params, args, f)                                                              \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		type result_;                                                                                \
		if (vv__step_aside(vv__me(), stdio) || vv__stream_lock_open(f))                              \
			return REAL(name) args;                                                              \
		vv__hop();                                                                                   \
		result_ = REAL(name) args;                                                                   \
		vv__hop_back();                                                                              \
		return result_;                                                                              \
	}

#endif
