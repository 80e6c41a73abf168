/*
 * Where a call on a stream is made (see stdio.h), and the calls that only lock: shared by reading and writing.
 */
#include "stdio.h"

#include "fdinfo.h"

#include <sys/stat.h>

/* True for what answers at once and never polls: files, directories, block devices. */
bool vv__stream_regular(int fd)
{
	enum vv__fd_kind kind = vv__fdinfo_kind(vv__fdinfo(fd));
	struct stat st;

	if (kind != VV__FD_UNKNOWN)
		return kind >= VV__FD_DISK;
	if (vv__syscall(SYS_fstat, fd, &st) < 0)
		return true;
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode);
}

static bool ready(int fd, short events)
{
	struct pollfd p = {fd, events, 0};

	return vv__poll_once(&p, 1) != 0;
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

bool vv__stream_sliced(FILE *f)
{
	int fd = vv__me()->slice ? vv__stream_fd(f) : -1;

	return fd >= 0 && f->_mode <= 0 && !vv__stream_regular(fd);
}

bool vv__stream_drain(FILE *f)
{
	while (vv__stream_pending(f)) {
		size_t n = vv__stream_pending(f);
		ssize_t r = write(f->_fileno, f->_IO_write_base, n);

		if (r < 0) {
			f->_flags |= VV__F_ERROR;
			return false;
		}
		memmove(f->_IO_write_base, f->_IO_write_base + r, n - r);
		f->_IO_write_ptr -= r;
	}
	return true;
}

static size_t put_past(FILE *f, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(f->_fileno, p + done, n - done);

		if (r < 0) {
			f->_flags |= VV__F_ERROR;
			break;
		}
		done += r;
	}
	return done;
}

size_t vv__stream_put(FILE *f, const char *p, size_t n, bool locked)
{
	enum { LEAST = 1024 };
	size_t room = f->_IO_write_end > f->_IO_write_ptr ? f->_IO_write_end - f->_IO_write_ptr : 0;
	size_t size = f->_IO_buf_base ? (size_t)(f->_IO_buf_end - f->_IO_buf_base) : LEAST;

	vv__stream_lock(f, locked);
	if (!(f->_flags & (VV__F_UNBUFFERED | VV__F_LINE)) && n < room)
		n = REAL(fwrite_unlocked)(p, 1, n, f);
	else if (!vv__stream_drain(f))
		n = 0;
	else if (f->_flags & (VV__F_UNBUFFERED | VV__F_LINE) || n >= size)
		n = put_past(f, p, n);
	else
		n = REAL(fwrite_unlocked)(p, 1, n, f);
	vv__stream_unlock(f, locked);
	return n;
}

/*
 * Park until the stream's descriptor is ready. 0: the next system call of the stream does not block, or is not to be
 * waited for by us; -EAGAIN: on a carrier, please; -EINTR; -ECANCELED; -ETIME; -ETIMEDOUT (slices only).
 */
int vv__stream_await(FILE *f, short events)
{
	int fd = f->_fileno, same = fd, r;
	int64_t timeout, deadline = VV__FOREVER;

	if (ready(fd, events))
		return 0;
	if (vv__fd_nonblocking(fd))
		return 0;
	timeout = vv__fd_timeout(fd, events == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO);
	if (timeout && !vv__me()->slice)
		return -EAGAIN;
	if (timeout)
		deadline = vv__deadline_in(timeout);
	do
		r = vv__wait_fd(&same, events, deadline, VV__EINTR | VV__RESTART | VV__CANCEL,
		    events == POLLIN ? "read from a stream" : "write to a stream");
	while (r == 0 && !ready(same, events));
	vv__fd_done(fd, same);
	return r == -EINTR || r == -ECANCELED || r == -ETIMEDOUT || r == -ETIME ? r : 0;
}

/* A wait that ended early, the lock (if locked) being held. */
enum vv__place vv__stream_fail(FILE *f, bool locked, int error)
{
	if (error == -EINTR || error == -ETIMEDOUT || error == -ETIME)
		f->_flags |= VV__F_ERROR;
	vv__stream_unlock(f, locked);
	if (error == -ECANCELED)
		vv__cancel_now();
	if (error == -EAGAIN)
		return VV__AWAY;
	errno = error == -ETIMEDOUT ? EAGAIN : -error;
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
	if (vv__stream_sliced(f))
		return vv__stream_drain(f) ? park(f, locked, POLLIN) : VV__FAIL;
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
	if (vv__stream_sliced(f))
		return vv__stream_drain(f) ? VV__HERE : VV__FAIL;
	if (vv__stream_pending(f) + len > PIPE_BUF)
		return vv__stream_regular(fd) ? VV__HERE : VV__AWAY;
	if (ready(fd, POLLOUT))
		return VV__HERE;
	return vv__fd_has_room(fd) ? VV__AWAY : park(f, locked, POLLOUT);
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
