/*
 * Descriptors come and go. Nothing here blocks but a lingering close, locks and a few ioctls; the work is to keep the
 * record of each number right (fdinfo.h), to tell the core before a number goes away, and to let Vervet's own
 * descriptors survive a program that closes everything or wants a certain number for itself.
 */
#include "fanout.h"
#include "fdcall.h"

/* Of <asm/termbits.h>, which cannot be included together with <termios.h>. */
#define TERMIOS2 44
#define SETSW2 _IOC(_IOC_WRITE, 'T', 0x2C, TERMIOS2)
#define SETSF2 _IOC(_IOC_WRITE, 'T', 0x2D, TERMIOS2)

/* ---- going ---- */

VV_EXPORT int close(int fd)
{
	struct vv_greenlet *g = vv__me();
	bool lingers;

	if (vv__unlikely(vv__fd_is_ours(fd)) && !vv__is_hub(g)) {
		errno = EBADF;
		return -1;
	}
	if (vv__fanout_on())
		vv__fanout_closing(fd, fd);
	lingers = vv__fdinfo_facts(vv__fdinfo(fd)) & VV__FD_LINGER;
	vv__fd_forget(fd);
	if (vv__unlikely(lingers) && !vv__step_aside(g, fd))
		return vv__hopped(REAL(close)(fd));
	return REAL(close)(fd);
}
VV_ALIAS(__close, close);

/* Close all between first and last but what is ours. */
static int close_span(unsigned first, unsigned last, int flags)
{
	int ours, r = 0;

	if (vv__fanout_on())
		vv__fanout_closing(first, last);
	vv__fd_closing_range(first, last);
	vv__fdinfo_forget_range(first, last);
	while (r == 0 && (ours = vv__fd_ours_from(first)) >= 0 && (unsigned)ours <= last) {
		if (first < (unsigned)ours)
			r = REAL(close_range)(first, ours - 1, flags);
		first = ours + 1;
	}
	return r == 0 && first <= last ? REAL(close_range)(first, last, flags) : r;
}

VV_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	struct vv_greenlet *g = vv__me();

	if (first > last || flags & ~CLOSE_RANGE_UNSHARE || vv__is_hub(g))
		return REAL(close_range)(first, last, flags);
	if (flags & CLOSE_RANGE_UNSHARE)
		vv__pin();
	return close_span(first, last, flags);
}

VV_EXPORT void closefrom(int low)
{
	unsigned first = low > 0 ? low : 0;

	vv__me();
	if (close_span(first, ~0u, 0) == 0)
		return;
	for (int fd = first, end = getdtablesize(); fd < end; fd++)
		close(fd);
}

VV_EXPORT int closedir(DIR *dir)
{
	int saved = errno, fd;

	vv__me();
	fd = dir ? dirfd(dir) : -1;
	errno = saved;
	if (fd >= 0)
		vv__fd_forget(fd);
	return REAL(closedir)(dir);
}

/* ---- duplicates ---- */

static int duplicated(int fd, int copy)
{
	if (copy >= 0)
		vv__fdinfo_duped(fd, copy);
	return copy;
}

VV_EXPORT int dup(int fd)
{
	vv__me();
	return duplicated(fd, REAL(dup)(fd));
}

/* The number `to` is about to stand for another file. */
static void make_room(int fd, int to)
{
	if (fd == to)
		return;
	if (vv__fanout_on())
		vv__fanout_closing(to, to);
	vv__fd_give_up(to);
	vv__fd_closing(to);
}

VV_EXPORT int dup2(int fd, int to)
{
	vv__me();
	make_room(fd, to);
	return duplicated(fd, REAL(dup2)(fd, to));
}
VV_ALIAS(__dup2, dup2);

VV_EXPORT int dup3(int fd, int to, int flags)
{
	vv__me();
	make_room(fd, to);
	return duplicated(fd, REAL(dup3)(fd, to, flags));
}

/* ---- fcntl and ioctl ---- */

static int lock_and_wait(int fd, int cmd, void *arg)
{
	if (vv__step_aside(vv__me(), file))
		return REAL(fcntl)(fd, cmd, arg);
	return vv__hopped(REAL(fcntl)(fd, cmd, arg));
}

static void mode_changed(int fd, bool nonblocking)
{
	vv__fdinfo_changed(fd, nonblocking ? VV__FD_NONBLOCK : 0, nonblocking ? 0 : VV__FD_NONBLOCK);
}

VV_EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	vv__me();
	if (cmd == F_SETLKW || cmd == F_OFD_SETLKW)
		return lock_and_wait(fd, cmd, arg);
	r = REAL(fcntl)(fd, cmd, arg);
	if (r >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC))
		vv__fdinfo_duped(fd, r);
	else if (r >= 0 && cmd == F_SETFL) {
		mode_changed(fd, (long)arg & O_NONBLOCK);
		vv__fdinfo_changed(fd, 0, VV__FD_SYNC | VV__FD_ASYNC);
	}
	return r;
}
VV_ALIAS(fcntl64, fcntl);
VV_ALIAS(__fcntl, fcntl);

/* ioctls that wait for a line to drain or to change. */
static bool waits(unsigned long request)
{
	switch (request) {
	case TCSBRK:
	case TCSBRKP:
	case TCSETSW:
	case TCSETSF:
	case SETSW2:
	case SETSF2:
	case TCSETAW:
	case TCSETAF:
	case TIOCMIWAIT:
		return true;
	}
	return false;
}

VV_EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct vv_greenlet *g = vv__me();
	va_list ap;
	void *arg;
	int r;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (waits(request) && !vv__step_aside(g, fd))
		return vv__hopped(REAL(ioctl)(fd, request, arg));
	r = REAL(ioctl)(fd, request, arg);
	if (r >= 0 && request == FIONBIO)
		mode_changed(fd, *(int *)arg);
	return r;
}

/* ---- coming ---- */

static unsigned mode_of(int flags)
{
	return flags & O_NONBLOCK ? VV__FD_NONBLOCK : 0;
}

VV_EXPORT int pipe2(int fds[2], int flags)
{
	int r;

	vv__me();
	r = REAL(pipe2)(fds, flags);
	if (r == 0) {
		vv__fdinfo_born(fds[0], VV__FD_PIPE, mode_of(flags));
		vv__fdinfo_born(fds[1], VV__FD_PIPE, mode_of(flags));
	}
	return r;
}

VV_EXPORT int pipe(int fds[2])
{
	return pipe2(fds, 0);
}
VV_ALIAS(__pipe, pipe);

static int born(int fd, enum vv__fd_kind kind, unsigned facts)
{
	if (fd >= 0)
		vv__fdinfo_born(fd, kind, facts);
	return fd;
}

VV_EXPORT int eventfd(unsigned count, int flags)
{
	vv__me();
	return born(REAL(eventfd)(count, flags), VV__FD_COUNTER, mode_of(flags));
}

VV_EXPORT int timerfd_create(clockid_t clock, int flags)
{
	vv__me();
	return born(REAL(timerfd_create)(clock, flags), VV__FD_COUNTER, mode_of(flags));
}

VV_EXPORT int inotify_init(void)
{
	vv__me();
	return born(REAL(inotify_init)(), VV__FD_POLLED, 0);
}

VV_EXPORT int inotify_init1(int flags)
{
	vv__me();
	return born(REAL(inotify_init1)(flags), VV__FD_POLLED, mode_of(flags));
}

VV_EXPORT int epoll_create(int size)
{
	vv__me();
	return born(REAL(epoll_create)(size), VV__FD_UNKNOWN, 0);
}

VV_EXPORT int epoll_create1(int flags)
{
	vv__me();
	return born(REAL(epoll_create1)(flags), VV__FD_UNKNOWN, 0);
}
