/*
 * Opening, syncing and locking files. Nothing of it can be polled: what may block for long goes to a carrier, after an
 * attempt that does not block wherever there is one. Regular files are opened where we are.
 */
#include "file.h"

#include "detour.h"
#include "fdinfo.h"
#include "hop.h"
#include "procfile.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <utmp.h>
#include <utmpx.h>

/* Devices whose open never waits: memory (1), the tty itself (5), pseudo terminals (136 to 143). */
static bool prompt_device(unsigned major_number)
{
	return major_number == 1 || major_number == 5 || (major_number >= 136 && major_number <= 143);
}

bool vv__open_blocks(int dir, const char *path, int flags, enum vv__fd_kind *kind)
{
	struct stat st;

	*kind = VV__FD_UNKNOWN;
	if (flags & (O_NONBLOCK | O_PATH | O_DIRECTORY) || vv__syscall(SYS_newfstatat, dir, path, &st, 0) < 0)
		return false;
	*kind = vv__fdinfo_kind_of(&st);
	return S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && !prompt_device(major(st.st_rdev)));
}

/* ---- open ------------------------------------------------------------------------------------------------- */

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

static int opened(int fd, int flags, enum vv__fd_kind kind)
{
	if (fd >= 0)
		vv__fdinfo_born(fd, kind,
		    (flags & O_NONBLOCK ? VV__FD_NONBLOCK : 0) |
			(flags & (O_DIRECT | O_SYNC | O_DSYNC) ? VV__FD_SYNC : VV__FD_ASYNC));
	return fd;
}

/* There is no such path: but perhaps it is a greenlet's. */
static vv__slow int greenlets(const char *path, int flags, int before)
{
	int fd = vv__procfile_open(path, flags);

	errno = fd < 0 ? ENOENT : before;
	return fd;
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	enum vv__fd_kind kind = VV__FD_UNKNOWN;
	struct vv__detour *d;
	int fd, before = errno;

	if (vv__step_aside(vv__me(), file) || !vv__open_blocks(dir, path, flags, &kind)) {
		fd = REAL(openat)(dir, path, flags, mode);
		if (vv__unlikely(fd < 0) && errno == ENOENT)
			fd = greenlets(path, flags, before);
		return opened(fd, flags, kind);
	}
	if ((d = vv__detour(strlen(path) + 1))) {
		fd = (int)vv__detour_run(
		    d, REAL(openat), dir, (long)vv__detour_copy(d, path, strlen(path) + 1), flags, mode);
		vv__detour_end(d);
		return opened(fd, flags, kind);
	}
	vv__hop();
	fd = REAL(openat)(dir, path, flags, mode);
	vv__hop_back();
	return opened(fd, flags, kind);
}

VV_EXPORT int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(AT_FDCWD, path, flags, mode);
}
VV_ALIAS(open64, open);
VV_ALIAS(__open, open);
VV_ALIAS(__open64, open);

VV_EXPORT int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(dir, path, flags, mode);
}
VV_ALIAS(openat64, openat);

VV_EXPORT int creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
VV_ALIAS(creat64, creat);

/* A missing mode is for libc to complain about. */
static bool mode_missing(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

VV_EXPORT int __open_2(const char *path, int flags)
{
	vv__me();
	return mode_missing(flags) ? REAL(__open_2)(path, flags) : open_at(AT_FDCWD, path, flags, 0);
}
VV_ALIAS(__open64_2, __open_2);

VV_EXPORT int __openat_2(int dir, const char *path, int flags)
{
	vv__me();
	return mode_missing(flags) ? REAL(__openat_2)(dir, path, flags) : open_at(dir, path, flags, 0);
}
VV_ALIAS(__openat64_2, __openat_2);

/* ---- sync ------------------------------------------------------------------------------------------------- */

VV__HOP_OR_DETOUR(file, int, fsync, (int fd), (fd))
VV__HOP_OR_DETOUR(file, int, fdatasync, (int fd), (fd))
VV__HOP_OR_DETOUR(file, int, syncfs, (int fd), (fd))
VV__HOP(file, int, sync_file_range, (int fd, off64_t from, off64_t n, unsigned flags), (fd, from, n, flags))

/* Without MS_SYNC the kernel only looks whether the pages are mapped. */
VV_EXPORT int msync(void *p, size_t n, int flags)
{
	int r;

	if (vv__step_aside(vv__me(), file) || !(flags & MS_SYNC))
		return REAL(msync)(p, n, flags);
	vv__hop();
	r = REAL(msync)(p, n, flags);
	vv__hop_back();
	return r;
}

VV__HOP_VOID(file, sync, (void), ())
VV__HOP(file, int, posix_fallocate, (int fd, off_t from, off_t n), (fd, from, n))
VV_ALIAS(posix_fallocate64, posix_fallocate);

/* ---- locks ------------------------------------------------------------------------------------------------ */

/* errno as before if an attempt that was refused is made again on a carrier. */
#define ATTEMPT_THEN_HOP(attempt, refused, real_call)                                                        \
	do {                                                                                                 \
		int before_ = errno, r_ = attempt;                                                           \
                                                                                                             \
		if (r_ == 0 || !(refused))                                                                   \
			return r_;                                                                           \
		errno = before_;                                                                             \
		vv__hop();                                                                                   \
		r_ = real_call;                                                                              \
		vv__hop_back();                                                                              \
		return r_;                                                                                   \
	} while (0)

VV_EXPORT int flock(int fd, int operation)
{
	if (vv__step_aside(vv__me(), file) || operation & LOCK_NB)
		return REAL(flock)(fd, operation);
	if (vv__me()->slice) {
		int r;

		if (vv__detoured(&r, REAL(flock), fd, operation))
			return r;
	}
	ATTEMPT_THEN_HOP(
	    REAL(flock)(fd, operation | LOCK_NB), errno == EWOULDBLOCK, REAL(flock)(fd, operation));
}

VV_EXPORT int lockf(int fd, int cmd, off_t n)
{
	if (vv__step_aside(vv__me(), file) || cmd != F_LOCK)
		return REAL(lockf)(fd, cmd, n);
	ATTEMPT_THEN_HOP(
	    REAL(lockf)(fd, F_TLOCK, n), errno == EAGAIN || errno == EACCES, REAL(lockf)(fd, cmd, n));
}
VV_ALIAS(lockf64, lockf);

VV__HOP(file, int, lckpwdf, (void), ())
VV__HOP(file, struct utmp *, pututline, (const struct utmp *u), (u))
VV__HOP(file, struct utmpx *, pututxline, (const struct utmpx *u), (u))
VV__HOP_VOID(file, login, (const struct utmp *u), (u))
VV__HOP(file, int, logout, (const char *line), (line))
VV__HOP_VOID(file, updwtmp, (const char *file, const struct utmp *u), (file, u))
VV__HOP_VOID(file, updwtmpx, (const char *file, const struct utmpx *u), (file, u))

/* ---- randomness ------------------------------------------------------------------------------------------- */

/* Blocks only until the kernel's pool is ready, early in its life. */
VV_EXPORT ssize_t getrandom(void *to, size_t n, unsigned flags)
{
	int before = errno;
	ssize_t r;

	if (vv__step_aside(vv__me(), file) || flags & GRND_NONBLOCK)
		return REAL(getrandom)(to, n, flags);
	r = REAL(getrandom)(to, n, flags | GRND_NONBLOCK);
	if (r >= 0 || errno != EAGAIN)
		return r;
	errno = before;
	vv__hop();
	r = REAL(getrandom)(to, n, flags);
	vv__hop_back();
	return r;
}
