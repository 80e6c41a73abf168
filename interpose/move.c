/*
 * Bytes moved from descriptor to descriptor inside the kernel. Two ends, and either may block: pipes take
 * SPLICE_F_NONBLOCK, so the call is attempted once the other end is ready; a TCP socket that is written to says how
 * much room it has (SO_MEMINFO), and is given no more than that at a time. Whatever else can block hops.
 */
#include "fdcall.h"

#include <linux/sock_diag.h>

static unsigned kind_of(int fd)
{
	unsigned kind = vv__fdinfo_kind(vv__fdinfo(fd));

	return kind == VV__FD_UNKNOWN ? vv__fdinfo_classify(fd) : kind;
}

/* ---- into a socket ---- */

enum { LEAST_ROOM = 4096 };

/* Bytes that a TCP socket surely takes without blocking; a page of data is accounted for with some overhead. */
static size_t room_of(int fd)
{
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof(mem);
	size_t limit, used;

	if (vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_MEMINFO, mem, &len))
		return 0;
	limit = mem[SK_MEMINFO_SNDBUF];
	used = mem[SK_MEMINFO_WMEM_QUEUED];
	return used + used / 2 < limit ? (limit - used) / 4 * 3 : 0;
}

static long sendfile_now(struct vv__fdcall *c, int in, off_t *offset, size_t n)
{
	size_t room = room_of(c->fd);

	if (room < LEAST_ROOM && !(vv__poll_now(c->fd, POLLOUT) & (POLLERR | POLLHUP)))
		return -EAGAIN;
	return vv__syscall(SYS_sendfile, c->fd, in, offset, n < room ? n : room ? room : n);
}

/* As the kernel's, it goes on until all is sent, the file ends or something stops it. */
static long sendfile_all(struct vv__fdcall *c, int in, off_t *offset, size_t n)
{
	size_t done = 0;
	long r;

	do {
		r = vv__attempts(c, sendfile_now(c, in, offset, n - done));
		if (r <= 0)
			break;
		done += r;
	} while (done < n);
	return done ? (long)done : r;
}

VV_EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	struct vv_greenlet *g = vv__me();
	struct vv__fdcall c;

	if (vv__step_aside(g, io))
		return REAL(sendfile)(out, in, offset, n);
	if (kind_of(out) != VV__FD_TCP || kind_of(in) < VV__FD_DISK || vv__fd_nonblocking(out))
		return vv__hopped(REAL(sendfile)(out, in, offset, n));
	c = vv__fdcall(out, POLLOUT, "sendfile");
	return vv__fdcall_end(&c, sendfile_all(&c, in, offset, n));
}
VV_ALIAS(sendfile64, sendfile);

VV_EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	if (vv__step_aside(vv__me(), io))
		return REAL(copy_file_range)(in, in_at, out, out_at, n, flags);
	return vv__hopped(REAL(copy_file_range)(in, in_at, out, out_at, n, flags));
}

/* ---- pipes ---- */

/*
 * splice, tee and vmsplice may transfer less than was asked for, so a call that does not block is as good as one
 * that does, as soon as it transfers anything. After EAGAIN wait for whichever end is not ready.
 */
struct ends {
	struct vv__fdcall in, out;
};

static struct ends ends_of(int in, int out)
{
	return (struct ends){
	    .in = vv__fdcall(in, POLLIN, "splice"), .out = vv__fdcall(out, POLLOUT, "splice")};
}

static long wait_for_either(struct ends *e)
{
	if (!vv__poll_now(e->in.fd, POLLIN))
		return vv__fdcall_wait(&e->in);
	if (!vv__poll_now(e->out.fd, POLLOUT))
		return vv__fdcall_wait(&e->out);
	return 0;
}

/* A packet socket answers at once. */
static bool polls(unsigned kind)
{
	return kind == VV__FD_PIPE || kind == VV__FD_TCP || kind == VV__FD_STREAM;
}

static long end_both(struct ends *e, long r)
{
	vv__fd_done(e->out.original, e->out.fd);
	e->in.cancelled |= e->out.cancelled;
	return vv__fdcall_end(&e->in, r);
}

static long splice_now(struct ends *e, loff_t *in_at, loff_t *out_at, size_t n, unsigned flags)
{
	if (e->in.kind != VV__FD_PIPE &&
	    (!vv__poll_now(e->in.fd, POLLIN) || !vv__poll_now(e->out.fd, POLLOUT)))
		return -EAGAIN;
	return vv__syscall(
	    SYS_splice, e->in.fd, in_at, e->out.fd, out_at, n, (long)(flags | SPLICE_F_NONBLOCK));
}

/* Only between pipes and from a socket: a socket that is written to may have less room than there is to write. */
VV_EXPORT ssize_t splice(int in, loff_t *in_at, int out, loff_t *out_at, size_t n, unsigned flags)
{
	struct vv_greenlet *g = vv__me();
	enum { KNOWN = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT };
	struct ends e;
	long r;

	if (vv__step_aside(g, io) || !n)
		return REAL(splice)(in, in_at, out, out_at, n, flags);
	if (flags & SPLICE_F_NONBLOCK || flags & ~KNOWN || !polls(kind_of(in)) || kind_of(out) != VV__FD_PIPE)
		return vv__hopped(REAL(splice)(in, in_at, out, out_at, n, flags));
	e = ends_of(in, out);
	while ((r = splice_now(&e, in_at, out_at, n, flags)) == -EAGAIN && (r = wait_for_either(&e)) == 0)
		;
	return end_both(&e, r);
}

VV_EXPORT ssize_t tee(int in, int out, size_t n, unsigned flags)
{
	struct vv_greenlet *g = vv__me();
	struct ends e;
	long r;

	if (vv__step_aside(g, io) || flags & SPLICE_F_NONBLOCK || !n)
		return REAL(tee)(in, out, n, flags);
	e = ends_of(in, out);
	while (
	    (r = vv__syscall(SYS_tee, e.in.fd, e.out.fd, n, (long)(flags | SPLICE_F_NONBLOCK))) == -EAGAIN &&
	    (r = wait_for_either(&e)) == 0)
		;
	return end_both(&e, r);
}

VV_EXPORT ssize_t vmsplice(int fd, const struct iovec *iov, size_t n, unsigned flags)
{
	struct vv_greenlet *g = vv__me();

	if (vv__step_aside(g, io) || flags & SPLICE_F_NONBLOCK)
		return REAL(vmsplice)(fd, iov, n, flags);
	return vv__hopped(REAL(vmsplice)(fd, iov, n, flags));
}
