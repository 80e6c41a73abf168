/*
 * Where a call on a stream is made (see stdio.h), and the calls that only lock: shared by reading and writing.
 */
#include "stdio.h"

#include <sys/stat.h>

/* True for what answers at once and never polls: files, directories, block devices. */
bool vv__stream_regular(int fd)
{
	struct stat st;

	if (vv__syscall(SYS_fstat, fd, &st) < 0)
		return true;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode);
}

static bool ready(int fd, short events)
{
	struct pollfd p = {fd, events, 0};

	return vv__syscall(SYS_poll, &p, 1, 0) != 0;
}

void vv__stream_lock(FILE *f, bool locked)
{
	if (locked)
		REAL(flockfile)(f);
}

void vv__stream_unlock(FILE *f, bool locked)
{
	if (locked)
		funlockfile(f);
}

/* A descriptor with a time-out of its own is for the kernel to time. */
static bool has_timeout(int fd, int option)
{
	struct timeval tv = {0, 0};
	socklen_t len = sizeof(tv);

	return vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &tv, &len) == 0 &&
	       (tv.tv_sec || tv.tv_usec);
}

/*
 * Park until the stream's descriptor is ready. 0: the next system call of the stream does not block, or is not to be
 * waited for by us; -EAGAIN: on a carrier, please; -EINTR; -ECANCELED.
 */
int vv__stream_await(FILE *f, short events)
{
	int fd = f->_fileno, same = fd, r;
	long flags;

	if (ready(fd, events))
		return 0;
	flags = vv__syscall(SYS_fcntl, fd, F_GETFL);
	if (flags < 0 || flags & O_NONBLOCK)
		return 0;
	if (has_timeout(fd, events == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO))
		return -EAGAIN;
	do
		r = vv__wait_fd(&same, events, VV__FOREVER, VV__EINTR | VV__RESTART | VV__CANCEL,
		    events == POLLIN ? "read from a stream" : "write to a stream");
	while (r == 0 && !ready(same, events));
	vv__fd_done(fd, same);
	return r == -EINTR || r == -ECANCELED ? r : 0;
}

/* A wait that ended early, the lock (if locked) being held. */
enum vv__place vv__stream_fail(FILE *f, bool locked, int error)
{
	if (error == -EINTR)
		f->_flags |= VV__F_ERROR;
	vv__stream_unlock(f, locked);
	if (error == -ECANCELED)
		vv__cancel_now();
	if (error == -EAGAIN)
		return VV__AWAY;
	errno = EINTR;
	return VV__FAIL;
}

static enum vv__place park(FILE *f, bool locked, short events)
{
	int r;

	vv__stream_lock(f, locked);
	r = vv__stream_await(f, events);
	return r < 0 ? vv__stream_fail(f, locked, r) : VV__HELD;
}

/*
 * Where to read from a stream whose buffer cannot serve the call. many: one system call may not be enough. Streams
 * that flush line-buffered output before they read go away, so that the order stays libc's.
 */
enum vv__place vv__input_place(FILE *f, bool locked, bool many)
{
	int fd = vv__stream_fd(f);

	if (locked && !vv__stream_lock_open(f))
		return VV__AWAY;
	if (fd < 0 || f->_flags & VV__F_EOF)
		return VV__HERE;
	if (many)
		return vv__stream_regular(fd) ? VV__HERE : VV__AWAY;
	if (ready(fd, POLLIN))
		return VV__HERE;
	if (f->_flags & (VV__F_UNBUFFERED | VV__F_LINE | VV__F_BACKUP) || vv__stream_pending(f))
		return VV__AWAY;
	return park(f, locked, POLLIN);
}

/* Where to write len bytes that do not fit the stream's buffer. A ready pipe takes PIPE_BUF bytes. */
enum vv__place vv__output_place(FILE *f, bool locked, size_t len)
{
	int fd = vv__stream_fd(f);

	if (locked && !vv__stream_lock_open(f))
		return VV__AWAY;
	if (fd < 0)
		return VV__HERE;
	if (vv__stream_pending(f) + len > PIPE_BUF)
		return vv__stream_regular(fd) ? VV__HERE : VV__AWAY;
	return ready(fd, POLLOUT) ? VV__HERE : park(f, locked, POLLOUT);
}

VV_EXPORT void flockfile(FILE *f)
{
	if (vv__step_aside(vv__me(), stdio) || vv__stream_lock_open(f)) {
		REAL(flockfile)(f);
		return;
	}
	vv__hop();
	REAL(flockfile)(f);
	vv__hop_back();
}
VV_ALIAS(_IO_flockfile, flockfile);

VV_EXPORT void clearerr(FILE *f)
{
	if (vv__step_aside(vv__me(), stdio) || vv__stream_lock_open(f)) {
		REAL(clearerr)(f);
		return;
	}
	vv__hop();
	REAL(clearerr)(f);
	vv__hop_back();
}

VV__LOCKER(int, feof, (FILE * f), (f), f)
VV_ALIAS(_IO_feof, feof);
VV__LOCKER(int, ferror, (FILE * f), (f), f)
VV_ALIAS(_IO_ferror, ferror);
VV__LOCKER(long, ftell, (FILE * f), (f), f)
VV_ALIAS(_IO_ftell, ftell);
VV__LOCKER(off_t, ftello, (FILE * f), (f), f)
VV_ALIAS(ftello64, ftello);
VV__LOCKER(int, fgetpos, (FILE * f, fpos_t *pos), (f, pos), f)
VV_ALIAS(_IO_fgetpos, fgetpos);
VV__LOCKER(int, fgetpos64, (FILE * f, fpos64_t *pos), (f, pos), f)
VV_ALIAS(_IO_fgetpos64, fgetpos64);
VV__LOCKER(int, ungetc, (int c, FILE *f), (c, f), f)
VV_ALIAS(_IO_ungetc, ungetc);
VV__LOCKER(wint_t, ungetwc, (wint_t c, FILE *f), (c, f), f)
VV__LOCKER(int, fwide, (FILE * f, int mode), (f, mode), f)
