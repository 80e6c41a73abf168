/*
 * read and write, their vectors and positions, event descriptors. Three ways to attempt without blocking, by the
 * descriptor's kind: sockets with MSG_DONTWAIT; pipes, eventfd and timerfd with RWF_NOWAIT; the rest (FIFOs, inotify,
 * devices) with the real call after poll has said that it will not block. A terminal that is not ready: hop.
 *
 * Regular files are served from the page cache with RWF_NOWAIT; what is not there is read on a spare carrier. Writing
 * to them goes to the page cache and is made in place, unless the file was opened to wait for the disk.
 */
#include "detour.h"
#include "fdcall.h"
#include "iovec.h"

#include <limits.h>

#define CURRENT (-1l)	     /* preadv2: at the file's own position */
#define SMALL_WRITE PIPE_BUF /* fits into the room that poll promises */
#define HUGE_COUNT (1ull << 32)

static inline bool is_file(unsigned kind)
{
	return kind >= VV__FD_DISK;
}

/* Emulators and sandboxes may have only the calls that are older and know no flags. */
static vv__slow long without_flags(
    const long calls[2], int fd, const struct iovec *iov, int n, int64_t at, int flags)
{
	if (flags)
		return -EOPNOTSUPP;
	return at == CURRENT ? vv__syscall(calls[0], fd, iov, (long)n)
			     : vv__syscall(calls[1], fd, iov, (long)n, at, 0l);
}

static long preadv2_raw(int fd, const struct iovec *iov, int n, int64_t at, int flags)
{
	static const long older[] = {SYS_readv, SYS_preadv};
	long r = vv__syscall(SYS_preadv2, fd, iov, (long)n, at, 0l, (long)flags);

	return vv__unlikely(r == -ENOSYS) ? without_flags(older, fd, iov, n, at, flags) : r;
}

static long pwritev2_raw(int fd, const struct iovec *iov, int n, int64_t at, int flags)
{
	static const long older[] = {SYS_writev, SYS_pwritev};
	long r = vv__syscall(SYS_pwritev2, fd, iov, (long)n, at, 0l, (long)flags);

	return vv__unlikely(r == -ENOSYS) ? without_flags(older, fd, iov, n, at, flags) : r;
}

/*
 * An attempt has said that the descriptor is not what its record says. True if we know better now. Before Linux 6.4
 * pipes, sockets and timerfd know no RWF_NOWAIT: they are then asked with poll.
 */
static vv__slow bool learn(struct vv__fdcall *c, long why)
{
	unsigned before = c->kind;

	c->kind = vv__fdinfo_classify(c->fd);
	if (c->kind == before && why == -EOPNOTSUPP && before >= VV__FD_PACKET && before < VV__FD_POLLED)
		c->kind = vv__fdinfo_remember(c->original, VV__FD_POLLED);
	return c->kind != before;
}

static struct msghdr message(const struct iovec *iov, int n)
{
	return (struct msghdr){.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
}

/* ---- reading ---- */

/* The poll that comes before says nothing about a descriptor that is not open for reading: RWF_NOWAIT's error does. */
static vv__slow long read_polled(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	long r;

	if (!vv__poll_now(c->fd, POLLIN) && !vv__fd_nonblocking(c->fd)) {
		if (c->kind == VV__FD_TTY)
			return vv__hopped(preadv2_raw(c->fd, iov, n, CURRENT, flags));
		r = preadv2_raw(c->fd, iov, n, CURRENT, flags | RWF_NOWAIT);
		return r == -EOPNOTSUPP ? -EAGAIN : r;
	}
	return preadv2_raw(c->fd, iov, n, CURRENT, flags);
}

static long read_now(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	struct msghdr m;

	if (vv__fd_is_socket(c->kind) && !flags) {
		if (vv__likely(n == 1))
			return vv__receiving(c, vv__syscall(SYS_recvfrom, c->fd, iov->iov_base, iov->iov_len,
						    dontwait, NULL, NULL));
		m = message(iov, n);
		return vv__receiving(c, vv__syscall(SYS_recvmsg, c->fd, &m, dontwait));
	}
	if (c->kind >= VV__FD_POLLED && c->kind <= VV__FD_FUSE)
		return read_polled(c, iov, n, flags);
	return preadv2_raw(c->fd, iov, n, CURRENT, flags | RWF_NOWAIT);
}

/* The attempt, with what its errors teach: ENOTSOCK that it is a file, of which there is nothing to wait for. */
static long read_learning(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	long r = read_now(c, iov, n, flags);

	while (
	    vv__unlikely(r == -ENOTSOCK || r == -EOPNOTSUPP || (r == -EAGAIN && c->kind == VV__FD_UNKNOWN))) {
		if (!learn(c, r))
			break;
		if (is_file(c->kind))
			return r == -EAGAIN ? -ENOTSOCK : r;
		r = read_now(c, iov, n, flags);
	}
	return r;
}

/* A slice's: to memory off its stack. Less than was asked for is no harm: the caller goes on. */
static long read_detour(struct vv__detour *d, int fd, const struct iovec *iov, int64_t at, int flags)
{
	enum { MOST = 1 << 20 };
	size_t n = iov->iov_len < MOST ? iov->iov_len : MOST;
	struct iovec *v = vv__detour_room(d, sizeof *v);
	long r;

	*v = (struct iovec){vv__detour_room(d, n), n};
	r = vv__detour_run(d, preadv2_raw, fd, (long)v, 1, at, flags);
	if (r > 0)
		memcpy(iov->iov_base, v->iov_base, r);
	vv__detour_end(d);
	return r;
}

/* RWF_NOWAIT has nothing for this file: the real call, in place if it cannot take long. */
static vv__slow long read_slowly(
    struct vv__fdcall *c, long why, const struct iovec *iov, int n, int64_t at, int flags)
{
	if (why == -EOPNOTSUPP && c->kind == VV__FD_DISK)
		c->kind = vv__fdinfo_classify_file(c->original);
	struct vv__detour *d;

	if (c->kind == VV__FD_INLINE)
		return preadv2_raw(c->fd, iov, n, at, flags);
	if ((d = vv__detour(sizeof(*iov) + (1 << 20) + 64)))
		return read_detour(d, c->fd, iov, at, flags);
	return vv__hopped(preadv2_raw(c->fd, iov, n, at, flags));
}

/* Only a slice's detour reads in parts. Otherwise it was the real call, whose short result stands: what the kernel makes on
 * demand may have more only later (/proc/kmsg). */
static bool in_parts(struct vv__fdcall *c)
{
	struct vv_greenlet *g = vv__me();

	return g->slice && !g->native && c->kind != VV__FD_INLINE;
}

/*
 * A regular file. The page cache may hold only the beginning of what is wanted, where a plain read would go on: so a
 * short result is followed by another attempt, and what that cannot get without the disk is read on a spare carrier.
 */
static vv__slow long read_file_rest(struct vv__fdcall *c, struct vv__iovec *v, int64_t at, int flags)
{
	bool over = false;
	long done = 0, r = 0;

	while (v->bytes && !over) {
		r = preadv2_raw(c->fd, v->iov, v->n, at, flags | RWF_NOWAIT);
		if (r == -EAGAIN || r == -EOPNOTSUPP) {
			r = read_slowly(c, r, v->iov, v->n, at, flags);
			over = !in_parts(c);
		}
		if (r <= 0)
			break;
		done += r;
		if (at >= 0)
			at += r;
		vv__iovec_skip(v, r);
	}
	return done ? done : r;
}

/* The same from the beginning, where r is what the first attempt gave. */
static vv__slow long read_file(
    struct vv__fdcall *c, long r, const struct iovec *iov, int n, int64_t at, int flags)
{
	struct vv__iovec v;
	long more;

	if (r == -EAGAIN || r == -EOPNOTSUPP) {
		r = read_slowly(c, r, iov, n, at, flags);
		if (!in_parts(c))
			return r;
	}
	if (r <= 0 || (size_t)r >= vv__iov_bytes(iov, n) || vv__iovec_init(&v, iov, n) < 0)
		return r;
	vv__iovec_skip(&v, r);
	more = read_file_rest(c, &v, at < 0 ? at : at + r, flags);
	vv__iovec_free(&v);
	return more > 0 ? r + more : r;
}

/* A short read: does it say that nothing is left, or only what the page cache had (or /dev/zero, which RWF_NOWAIT ends
 * early)? */
static long read_short(struct vv__fdcall *c, long r, const struct iovec *iov, int n, int flags)
{
	if (c->kind == VV__FD_UNKNOWN)
		c->kind = vv__fdinfo_classify(c->fd);
	if (is_file(c->kind))
		return read_file(c, r, iov, n, CURRENT, flags);
	if (vv__fd_is_stream(c->kind) || c->kind == VV__FD_PIPE)
		vv__fdcall_drain(c);
	return r;
}

static long read_vector(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	long r;

	if (vv__unlikely(c->kind >= VV__FD_SLOW))
		return read_slowly(c, 0, iov, n, CURRENT, flags);
	if (vv__unlikely(vv__fdinfo_facts(c->info) & VV__FD_LOWAT))
		return vv__hopped(preadv2_raw(c->fd, iov, n, CURRENT, flags));
	if (vv__unlikely(c->kind == VV__FD_DISK))
		r = preadv2_raw(c->fd, iov, n, CURRENT, flags | RWF_NOWAIT);
	else
		r = vv__attempts_after(c, vv__fdcall_drained(c), read_learning(c, iov, n, flags));
	if (vv__unlikely(is_file(c->kind) && (r == -EAGAIN || r == -EOPNOTSUPP || r == -ENOTSOCK)))
		return read_file(c, r == -ENOTSOCK ? -EAGAIN : r, iov, n, CURRENT, flags);
	if (r > 0 && (size_t)r < vv__iov_bytes(iov, n))
		return read_short(c, r, iov, n, flags);
	return r;
}

static ssize_t read_any(int fd, const struct iovec *iov, int n, int flags)
{
	struct vv__fdcall c = vv__fdcall(fd, POLLIN, "read");

	return vv__fdcall_end(&c, read_vector(&c, iov, n, flags));
}

VV_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	struct vv_greenlet *g = vv__me();
	struct iovec iov = {buf, n};

	if (vv__step_aside(g, io) || vv__odd_length(n))
		return REAL(read)(fd, buf, n);
	return read_any(fd, &iov, 1, 0);
}
VV_ALIAS(__read, read);

VV_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	vv__me();
	return n > room ? REAL(__read_chk)(fd, buf, n, room) : read(fd, buf, n);
}

static bool odd_vector(const struct iovec *iov, int n)
{
	return !iov || n <= 0 || n > IOV_MAX || !vv__given(iov, n * sizeof *iov);
}

VV_EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || odd_vector(iov, n) || !vv__iov_bytes(iov, n))
		return REAL(readv)(fd, iov, n);
	return read_any(fd, iov, n, 0);
}

/* ---- reading at a position: files only ---- */

static ssize_t read_at(int fd, const struct iovec *iov, int n, int64_t at, int flags)
{
	struct vv__fdcall c = vv__fdcall(fd, POLLIN, "pread");
	long r;

	if (c.kind >= VV__FD_SLOW)
		return vv__fdcall_end(&c, read_slowly(&c, 0, iov, n, at, flags));
	r = preadv2_raw(fd, iov, n, at, flags | RWF_NOWAIT);
	if (r == -EOPNOTSUPP && c.kind == VV__FD_UNKNOWN)
		c.kind = vv__fdinfo_classify(fd);
	return vv__fdcall_end(&c, read_file(&c, r, iov, n, at, flags));
}

VV_EXPORT ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	struct vv_greenlet *g = vv__me();
	struct iovec iov = {buf, n};

	if (vv__step_aside(g, io) || vv__odd_length(n) || at < 0)
		return REAL(pread)(fd, buf, n, at);
	return read_at(fd, &iov, 1, at, 0);
}
VV_ALIAS(pread64, pread);
VV_ALIAS(__pread64, pread);

VV_EXPORT ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t room)
{
	vv__me();
	return n > room ? REAL(__pread_chk)(fd, buf, n, at, room) : pread(fd, buf, n, at);
}
VV_ALIAS(__pread64_chk, __pread_chk);

VV_EXPORT ssize_t preadv(int fd, const struct iovec *iov, int n, off_t at)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || odd_vector(iov, n) || at < 0 || !vv__iov_bytes(iov, n))
		return REAL(preadv)(fd, iov, n, at);
	return read_at(fd, iov, n, at, 0);
}
VV_ALIAS(preadv64, preadv);

VV_EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || flags & RWF_NOWAIT || odd_vector(iov, n) || at < CURRENT ||
	    !vv__iov_bytes(iov, n))
		return REAL(preadv2)(fd, iov, n, at, flags);
	return at == CURRENT ? read_any(fd, iov, n, flags) : read_at(fd, iov, n, at, flags);
}
VV_ALIAS(preadv64v2, preadv2);

/* ---- writing ---- */

/*
 * An eventfd blocks a writer only when its counter is close to 2^64: not before somebody has added a huge number.
 * Until that has been seen, counts are added in place.
 */
static _Atomic bool huge_counts;

static vv__slow long write_counter(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	uint64_t count = 0;

	if (n == 1 && iov->iov_len >= sizeof(count))
		memcpy(&count, iov->iov_base, sizeof(count));
	if (count >= HUGE_COUNT)
		atomic_store(&huge_counts, true);
	if (!atomic_load_explicit(&huge_counts, memory_order_relaxed))
		return pwritev2_raw(c->fd, iov, n, CURRENT, flags);
	return vv__hopped(pwritev2_raw(c->fd, iov, n, CURRENT, flags));
}

static vv__slow long write_polled(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	bool ready = vv__poll_now(c->fd, POLLOUT);
	long r;

	if (!ready && c->kind == VV__FD_POLLED && !vv__fd_nonblocking(c->fd)) {
		r = pwritev2_raw(c->fd, iov, n, CURRENT, flags | RWF_NOWAIT);
		if (r != -EOPNOTSUPP)
			return r;
		if (!vv__fd_has_room(c->fd))
			return -EAGAIN;
	}
	if ((!ready || vv__iov_bytes(iov, n) > SMALL_WRITE) && !vv__fd_nonblocking(c->fd))
		return vv__hopped(pwritev2_raw(c->fd, iov, n, CURRENT, flags));
	return pwritev2_raw(c->fd, iov, n, CURRENT, flags);
}

static long write_now(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	struct msghdr m;

	switch (c->kind) {
	case VV__FD_TCP:
	case VV__FD_STREAM:
		if (flags)
			break;
		if (vv__likely(n == 1))
			return vv__syscall(
			    SYS_sendto, c->fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT, NULL, 0);
		m = message(iov, n);
		return vv__syscall(SYS_sendmsg, c->fd, &m, MSG_DONTWAIT);
	case VV__FD_COUNTER:
		return write_counter(c, iov, n, flags);
	case VV__FD_POLLED:
	case VV__FD_TTY:
		return write_polled(c, iov, n, flags);
	case VV__FD_DISK:
	case VV__FD_SLOW:
		if (vv__fd_writes_through(c->original))
			return vv__hopped(pwritev2_raw(c->fd, iov, n, CURRENT, flags));
		return pwritev2_raw(c->fd, iov, n, CURRENT, flags);
	case VV__FD_FUSE:
	case VV__FD_INLINE:
		return pwritev2_raw(c->fd, iov, n, CURRENT, flags);
	}
	return pwritev2_raw(c->fd, iov, n, CURRENT, flags | RWF_NOWAIT);
}

static long write_learning(struct vv__fdcall *c, const struct iovec *iov, int n, int flags)
{
	long r;

	if (vv__unlikely(c->kind == VV__FD_UNKNOWN))
		learn(c, 0);
	r = write_now(c, iov, n, flags);
	while (vv__unlikely(r == -ENOTSOCK || (r == -EOPNOTSUPP && !is_file(c->kind))) && learn(c, r))
		r = write_now(c, iov, n, flags);
	return r;
}

/* A blocking write to a pipe or a stream goes on until all is written. */
static vv__slow long write_rest(struct vv__fdcall *c, long done, const struct iovec *iov, int n, int flags)
{
	struct vv__iovec v;
	long r;

	if (vv__fd_is_stream(c->kind))
		return vv__send_rest(c, iov, n, done, 0);
	if (vv__iovec_init(&v, iov, n) < 0)
		return done;
	vv__iovec_skip(&v, done);
	while (v.bytes) {
		r = vv__attempts_after(c, 1, pwritev2_raw(c->fd, v.iov, v.n, CURRENT, flags | RWF_NOWAIT));
		if (r <= 0)
			break;
		done += r;
		vv__iovec_skip(&v, r);
	}
	vv__iovec_free(&v);
	return done;
}

static ssize_t write_any(int fd, const struct iovec *iov, int n, int flags)
{
	struct vv__fdcall c = vv__fdcall(fd, POLLOUT, "write");
	long r = vv__attempts(&c, write_learning(&c, iov, n, flags));

	if (vv__unlikely(r > 0 && (size_t)r < vv__iov_bytes(iov, n)) &&
	    (vv__fd_is_stream(c.kind) || c.kind == VV__FD_PIPE) && !vv__fd_nonblocking(c.original))
		r = write_rest(&c, r, iov, n, flags);
	r = vv__fdcall_end(&c, r);
	if (vv__unlikely(c.kind == VV__FD_COUNTER) && r > 0)
		vv__yield_to_woken();
	else if (c.kind == VV__FD_PIPE && r > 0)
		vv__told();
	return r;
}

VV_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	struct vv_greenlet *g = vv__me();
	struct iovec iov = {(void *)buf, n};

	if (vv__step_aside(g, io) || vv__odd_length(n))
		return REAL(write)(fd, buf, n);
	return write_any(fd, &iov, 1, 0);
}
VV_ALIAS(__write, write);

VV_EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || odd_vector(iov, n) || !vv__iov_bytes(iov, n))
		return REAL(writev)(fd, iov, n);
	return write_any(fd, iov, n, 0);
}

/* ---- writing at a position: files only ---- */

static ssize_t write_at(int fd, const struct iovec *iov, int n, int64_t at, int flags)
{
	long r = flags & (RWF_SYNC | RWF_DSYNC) || vv__fd_writes_through(fd)
		     ? vv__hopped(pwritev2_raw(fd, iov, n, at, flags))
		     : pwritev2_raw(fd, iov, n, at, flags);

	return vv__errno_return(r);
}

VV_EXPORT ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	struct vv_greenlet *g = vv__me();
	struct iovec iov = {(void *)buf, n};

	if (vv__step_aside(g, io) || vv__odd_length(n) || at < 0)
		return REAL(pwrite)(fd, buf, n, at);
	return write_at(fd, &iov, 1, at, 0);
}
VV_ALIAS(pwrite64, pwrite);
VV_ALIAS(__pwrite64, pwrite);

VV_EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || at < 0)
		return REAL(pwritev)(fd, iov, n, at);
	return write_at(fd, iov, n, at, 0);
}
VV_ALIAS(pwritev64, pwritev);

VV_EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || flags & RWF_NOWAIT || odd_vector(iov, n) || at < CURRENT ||
	    !vv__iov_bytes(iov, n))
		return REAL(pwritev2)(fd, iov, n, at, flags);
	return at == CURRENT ? write_any(fd, iov, n, flags) : write_at(fd, iov, n, at, flags);
}
VV_ALIAS(pwritev64v2, pwritev2);

/* ---- event descriptors ---- */

VV_EXPORT int eventfd_read(int fd, eventfd_t *count)
{
	return read(fd, count, sizeof(*count)) == sizeof(*count) ? 0 : -1;
}

VV_EXPORT int eventfd_write(int fd, eventfd_t count)
{
	return write(fd, &count, sizeof(count)) == sizeof(count) ? 0 : -1;
}
