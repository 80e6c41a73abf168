/*
 * Sockets. Attempts carry MSG_DONTWAIT, so the program's descriptors stay as they are; readiness, time-outs, signals
 * and cancellation are fdcall.c's. What differs from a plain attempt loop has a paragraph of its own: accept and
 * connect, which know no MSG_DONTWAIT; MSG_WAITALL and partial sends, which a blocking call completes.
 */
#include "fanout.h"
#include "fdcall.h"
#include "iovec.h"

enum { NEVER_WAITS = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB };

/* ---- how sockets come into being ---- */

static enum vv__fd_kind kind_of(int domain, int type)
{
	if ((type & 0xf) != SOCK_STREAM)
		return VV__FD_PACKET;
	return domain == AF_INET || domain == AF_INET6 ? VV__FD_TCP : VV__FD_STREAM;
}

static unsigned mode_of(int type)
{
	return type & SOCK_NONBLOCK ? VV__FD_NONBLOCK : 0;
}

VV_EXPORT int socket(int domain, int type, int protocol)
{
	int fd;

	vv__me();
	fd = REAL(socket)(domain, type, protocol);
	if (fd >= 0)
		vv__fdinfo_born(fd, kind_of(domain, type), mode_of(type));
	return fd;
}

VV_EXPORT int socketpair(int domain, int type, int protocol, int fds[2])
{
	int r;

	vv__me();
	r = REAL(socketpair)(domain, type, protocol, fds);
	if (r == 0) {
		vv__fdinfo_born(fds[0], kind_of(domain, type), mode_of(type));
		vv__fdinfo_born(fds[1], kind_of(domain, type), mode_of(type));
	}
	return r;
}

VV_EXPORT int listen(int fd, int backlog)
{
	int r;

	vv__me();
	r = REAL(listen)(fd, backlog);
	if (r == 0)
		vv__fdinfo_changed(fd,
		    VV__FD_LISTENS | (vv__fanout_on() && vv__fanout_in_branch() ? VV__FD_HANDLERS : 0), 0);
	return r;
}

static void note_option(int fd, int option, const void *value, socklen_t len)
{
	const int *n = value;

	switch (option) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
#if SO_RCVTIMEO != SO_RCVTIMEO_NEW
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_NEW:
#endif
		vv__fdinfo_changed(fd, VV__FD_TIMEOUTS, 0);
		break;
	case SO_RCVLOWAT:
		if (len >= sizeof(*n))
			vv__fdinfo_changed(fd, *n > 1 ? VV__FD_LOWAT : 0, *n > 1 ? 0 : VV__FD_LOWAT);
		break;
	case SO_LINGER:
		if (len >= sizeof(*n))
			vv__fdinfo_changed(fd, *n ? VV__FD_LINGER : 0, *n ? 0 : VV__FD_LINGER);
		break;
	}
}

VV_EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int r;

	vv__me();
	r = REAL(setsockopt)(fd, level, option, value, len);
	if (r == 0 && level == SOL_SOCKET)
		note_option(fd, option, value, len);
	return r;
}

/* ---- accept ---- */

/*
 * accept cannot be tried: it is made only when poll has said that it will not block. Another process may share the
 * listener and be faster; then the accept blocks after all and the hub is handed over. A listener on which that has
 * happened once is served by hops from then on.
 */
enum { RACE_NS = 200000 };

static bool listens(struct vv__fdcall *c)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (vv__fdinfo_facts(c->info) & VV__FD_LISTENS)
		return true;
	return !vv__syscall(SYS_getsockopt, c->fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) && on;
}

static long accept_now(struct vv__fdcall *c, struct sockaddr *addr, socklen_t *len, int flags)
{
	int64_t start;
	long r;

	if (!vv__poll_now(c->fd, POLLIN) && listens(c))
		return -EAGAIN;
	if (vv__fdinfo_owned(c->info))
		return vv__syscall(SYS_accept4, c->fd, addr, len, flags);
	if (vv__fdinfo_facts(c->info) & VV__FD_RACED)
		return vv__hopped(vv__syscall(SYS_accept4, c->fd, addr, len, flags));
	start = vv__now();
	r = vv__syscall(SYS_accept4, c->fd, addr, len, flags);
	if (vv__now() - start > RACE_NS)
		vv__fdinfo_changed(c->original, VV__FD_RACED, 0);
	return r;
}

/* Linux copies the listener's options to the new socket, but not its O_NONBLOCK. */
static void accepted(int listener, int fd, int flags)
{
	struct vv__fdinfo *from = vv__fdinfo(listener);
	enum vv__fd_kind kind = vv__fdinfo_kind(from);
	unsigned facts = vv__fdinfo_facts(from) & (VV__FD_TIMEOUTS | VV__FD_LOWAT | VV__FD_LINGER);

	if (!vv__fd_is_socket(kind))
		kind = vv__fdinfo_classify(listener);
	if (!vv__fdinfo_owned(from))
		facts |= VV__FD_TIMEOUTS;
	vv__fdinfo_born(fd, kind, facts | mode_of(flags));
}

static int accept_any(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (vv__fanout_on() && vv__fanout_accept(fd, addr, len, flags, &r)) {
		/* a branch, or an error */
	} else if (vv__step_aside(g, socket) || flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) {
		r = REAL(accept4)(fd, addr, len, flags);
	} else {
		struct vv__fdcall c = vv__fdcall(fd, POLLIN, "accept");

		r = vv__fdcall_end(&c, vv__attempts(&c, accept_now(&c, addr, len, flags)));
	}
	if (r >= 0)
		accepted(fd, r, flags);
	return r;
}

VV_EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept_any(fd, addr, len, 0);
}

VV_EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return accept_any(fd, addr, len, flags);
}

/* ---- connect ---- */

/*
 * connect cannot be tried either, so O_NONBLOCK is set around the call, but never while the greenlet waits: a
 * connection that was started goes on by itself. When poll says that it has come to an end, connect is called once
 * more, in the descriptor's own mode: it cannot block any longer and ends as the first would have (it takes
 * SO_ERROR, or completes the socket's state). A Unix socket whose peer's queue is full says EAGAIN and gives no
 * readiness: hop.
 */
static long connect_now(int fd, const struct sockaddr *addr, socklen_t len)
{
	int on = 1, off = 0;
	long r;

	vv__syscall(SYS_ioctl, fd, FIONBIO, &on);
	r = vv__syscall(SYS_connect, fd, addr, len);
	vv__syscall(SYS_ioctl, fd, FIONBIO, &off);
	return r;
}

static long connect_tcp(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct vv__fdcall c = vv__fdcall(fd, POLLOUT, "connect");
	long started = connect_now(fd, addr, len), r;

	if (started != -EINPROGRESS && started != -EALREADY)
		return vv__fdcall_end(&c, started);
	do
		r = vv__fdcall_wait(&c);
	while (r == 0 && !vv__poll_now(c.fd, POLLOUT));
	if (r == 0) {
		r = vv__syscall(SYS_connect, c.fd, addr, len);
		r = r == -EISCONN ? 0 : r;
	}
	return vv__fdcall_end(&c, r == -EAGAIN ? started : r);
}

static int connect_unix(int fd, const struct sockaddr *addr, socklen_t len)
{
	long r = connect_now(fd, addr, len);

	return r == -EAGAIN ? vv__hopped(REAL(connect)(fd, addr, len)) : vv__errno_return(r);
}

VV_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct vv_greenlet *g = vv__me();
	enum vv__fd_kind kind;

	if (vv__step_aside(g, socket) || len < sizeof(addr->sa_family) ||
	    !vv__given(addr, sizeof(addr->sa_family)))
		return REAL(connect)(fd, addr, len);
	kind = vv__fdinfo_kind(vv__fdinfo(fd));
	if (!vv__fd_is_socket(kind))
		kind = vv__fdinfo_classify(fd);
	if (!vv__fd_is_socket(kind) || vv__fd_nonblocking(fd))
		return REAL(connect)(fd, addr, len);
	vv__cancel_point(g);
	if (kind == VV__FD_TCP)
		return connect_tcp(fd, addr, len);
	if (addr->sa_family == AF_UNIX)
		return connect_unix(fd, addr, len);
	if (kind == VV__FD_PACKET && (addr->sa_family == AF_INET || addr->sa_family == AF_INET6))
		return REAL(connect)(fd, addr, len);
	return vv__hopped(REAL(connect)(fd, addr, len));
}
VV_ALIAS(__connect, connect);

/* ---- receiving ---- */

/* What a stream delivered short was all there was. */
static inline void note_short(struct vv__fdcall *c, long got, size_t wanted, int flags)
{
	if (got > 0 && (size_t)got < wanted && vv__fd_is_stream(c->kind) && !(flags & MSG_PEEK))
		vv__fdcall_drain(c);
}

/*
 * MSG_WAITALL on TCP: go on until all is there, the peer has closed or something ends the wait. An error that arrives
 * after a part has been received belongs to the next call: it is looked for before an attempt would take it.
 */
static vv__slow long receive_all(
    struct vv__fdcall *c, char *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *alen)
{
	size_t done = 0;
	long r;

	for (;;) {
		r = vv__attempts_after(c, done,
		    done && vv__poll_now(c->fd, POLLIN) & POLLERR
			? 0
			: vv__syscall(
			      SYS_recvfrom, c->fd, buf + done, len - done, flags | MSG_DONTWAIT, addr, alen));
		if (r <= 0)
			break;
		done += r;
		if (done >= len)
			break;
	}
	return done ? (long)done : r;
}

/* A slice cannot hop: where only ancillary data makes a difference, it does as on TCP. */
static bool waits_in_parts(struct vv_greenlet *g, struct vv__fdcall *c, int flags)
{
	return g->slice && !(flags & MSG_PEEK) && vv__fd_is_stream(c->kind) &&
	       !(vv__fdinfo_facts(c->info) & VV__FD_LOWAT);
}

static ssize_t receive(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *alen)
{
	struct vv_greenlet *g = vv__me();
	struct vv__fdcall c;
	long r;

	if (vv__step_aside(g, socket) || flags & NEVER_WAITS)
		return REAL(recvfrom)(fd, buf, len, flags, addr, alen);
	c = vv__fdcall(fd, POLLIN, "recv");
	if (vv__unlikely(flags & MSG_WAITALL && c.kind == VV__FD_UNKNOWN))
		c.kind = vv__fdinfo_classify(fd);
	if (vv__unlikely(flags & MSG_WAITALL) && waits_in_parts(g, &c, flags))
		return vv__fdcall_end(&c, receive_all(&c, buf, len, flags, addr, alen));
	if (vv__unlikely(vv__fdinfo_facts(c.info) & VV__FD_LOWAT ||
			 (flags & MSG_WAITALL && (c.kind != VV__FD_TCP || flags & MSG_PEEK))))
		return vv__hopped(REAL(recvfrom)(fd, buf, len, flags, addr, alen));
	if (flags & MSG_WAITALL)
		return vv__fdcall_end(&c, receive_all(&c, buf, len, flags, addr, alen));
	r = vv__attempts_after(&c, vv__fdcall_drained(&c),
	    vv__receiving(&c, vv__syscall(SYS_recvfrom, c.fd, buf, len, flags | dontwait, addr, alen)));
	note_short(&c, r, len, flags);
	return vv__fdcall_end(&c, r);
}

VV_EXPORT ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return receive(fd, buf, len, flags, NULL, NULL);
}

VV_EXPORT ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr, socklen_t *alen)
{
	return receive(fd, buf, len, flags, addr, alen);
}

VV_EXPORT ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
	vv__me();
	return len > room ? REAL(__recv_chk)(fd, buf, len, room, flags)
			  : receive(fd, buf, len, flags, NULL, NULL);
}

VV_EXPORT ssize_t __recvfrom_chk(
    int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *addr, socklen_t *alen)
{
	vv__me();
	if (len > room)
		return REAL(__recvfrom_chk)(fd, buf, len, room, flags, addr, alen);
	return receive(fd, buf, len, flags, addr, alen);
}

/* Descriptors that came in, or go out, with a message. */
static void each_passed(const struct msghdr *m, void (*fn)(int))
{
	struct cmsghdr *h;

	if (!m->msg_control || m->msg_controllen < sizeof(*h))
		return;
	for (h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR((struct msghdr *)m, h)) {
		int *fds = (int *)CMSG_DATA(h), n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS || h->cmsg_len < CMSG_LEN(0))
			continue;
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (int i = 0; i < n; i++)
			fn(fds[i]);
	}
}

VV_EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	struct vv_greenlet *g = vv__me();
	struct vv__fdcall c;
	long r;

	if (vv__step_aside(g, socket) || flags & NEVER_WAITS) {
		r = REAL(recvmsg)(fd, m, flags);
	} else {
		c = vv__fdcall(fd, POLLIN, "recvmsg");
		if (flags & MSG_WAITALL || vv__fdinfo_facts(c.info) & VV__FD_LOWAT)
			r = vv__hopped(REAL(recvmsg)(fd, m, flags));
		else
			r = vv__fdcall_end(
			    &c, vv__attempts_after(&c, vv__fdcall_drained(&c),
				    vv__receiving(&c, vv__syscall(SYS_recvmsg, c.fd, m, flags | dontwait))));
		if (r > 0 && m->msg_iovlen == 1)
			note_short(&c, r, m->msg_iov->iov_len, flags);
	}
	if (r >= 0 && m->msg_controllen)
		each_passed(m, vv__fdinfo_forget);
	return r;
}

/* ---- sending ---- */

/*
 * A deferred TCP Fast Open connect answers the first attempt with EINPROGRESS: a blocking send waits for it, so does
 * ours.
 */
static inline long would_block(struct vv__fdcall *c, long r)
{
	return vv__unlikely(r == -EINPROGRESS) && !vv__fd_nonblocking(c->fd) ? -EAGAIN : r;
}

/* Send the rest of a stream. What stops it after `done` bytes belongs to the next call, so errors are looked for, not
 * taken. */
static vv__slow long send_rest(struct vv__fdcall *c, const char *buf, size_t len, int flags)
{
	size_t done = 0;
	long r;

	while (done < len) {
		r = vv__attempts_after(c, 1,
		    vv__poll_now(c->fd, POLLOUT) & (POLLERR | POLLHUP)
			? -EPIPE
			: vv__syscall(SYS_sendto, c->fd, buf + done, len - done,
			      flags | MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0));
		if (r < 0)
			break;
		done += r;
	}
	return done;
}

long vv__send_rest(struct vv__fdcall *c, const struct iovec *iov, size_t n, size_t done, int flags)
{
	size_t total = done, skip = done, len, i;
	long r;

	for (i = 0; i < n && total < VV__MOST_BYTES; i++) {
		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		len = iov[i].iov_len - skip;
		if (len > VV__MOST_BYTES - total)
			len = VV__MOST_BYTES - total;
		r = send_rest(c, (char *)iov[i].iov_base + skip, len, flags);
		total += r;
		if ((size_t)r < len)
			break;
		skip = 0;
	}
	return total;
}

/* Only a stream is sent in parts. */
static bool is_partial(struct vv__fdcall *c, long sent, size_t len)
{
	if (vv__likely(sent < 0 || (size_t)sent >= len))
		return false;
	if (c->kind == VV__FD_UNKNOWN)
		c->kind = vv__fdinfo_classify(c->original);
	return vv__fd_is_stream(c->kind) && !vv__fd_nonblocking(c->original);
}

/*
 * A datagram that does not fit, once more after poll has said that there is room, waits for something that poll does
 * not see (the queue of a Unix peer that was not connected to): the second failure hops.
 */
static vv__slow bool hopeless(struct vv__fdcall *c, unsigned *failures)
{
	return c->kind != VV__FD_TCP && (*failures)++ && !vv__fd_nonblocking(c->fd);
}

static long send_now(struct vv__fdcall *c, const void *buf, size_t len, int flags,
    const struct sockaddr *addr, socklen_t alen, unsigned *failures)
{
	long r = vv__syscall(SYS_sendto, c->fd, buf, len, flags | MSG_DONTWAIT, addr, alen);

	r = would_block(c, r);
	if (vv__unlikely(r == -EAGAIN) && hopeless(c, failures))
		return vv__hopped(vv__syscall(SYS_sendto, c->fd, buf, len, flags, addr, alen));
	return r;
}

VV_EXPORT ssize_t sendto(
    int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr, socklen_t alen)
{
	struct vv_greenlet *g = vv__me();
	unsigned failures = 0;
	struct vv__fdcall c;
	long r;

	if (vv__step_aside(g, socket) || flags & MSG_DONTWAIT)
		return REAL(sendto)(fd, buf, len, flags, addr, alen);
	if (flags & MSG_FASTOPEN)
		return vv__hopped(REAL(sendto)(fd, buf, len, flags, addr, alen));
	c = vv__fdcall(fd, POLLOUT, "send");
	r = vv__attempts(&c, send_now(&c, buf, len, flags, addr, alen, &failures));
	if (is_partial(&c, r, len))
		r += send_rest(&c, (const char *)buf + r, len - r, flags);
	return vv__fdcall_end(&c, r);
}

VV_EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}
VV_ALIAS(__send, send);

static long sendmsg_now(struct vv__fdcall *c, const struct msghdr *m, int flags, unsigned *failures)
{
	long r = would_block(c, vv__syscall(SYS_sendmsg, c->fd, m, flags | MSG_DONTWAIT));

	if (vv__unlikely(r == -EAGAIN) && hopeless(c, failures))
		return vv__hopped(vv__syscall(SYS_sendmsg, c->fd, m, flags));
	return r;
}

VV_EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct vv_greenlet *g = vv__me();
	unsigned failures = 0;
	struct vv__fdcall c;
	long r;

	if (vv__step_aside(g, socket) || flags & MSG_DONTWAIT) {
		r = REAL(sendmsg)(fd, m, flags);
	} else if (flags & MSG_FASTOPEN) {
		r = vv__hopped(REAL(sendmsg)(fd, m, flags));
	} else {
		c = vv__fdcall(fd, POLLOUT, "sendmsg");
		r = vv__attempts(&c, sendmsg_now(&c, m, flags, &failures));
		if (r >= 0 && is_partial(&c, r, vv__iov_bytes(m->msg_iov, m->msg_iovlen)))
			r = vv__send_rest(&c, m->msg_iov, m->msg_iovlen, r, flags);
		r = vv__fdcall_end(&c, r);
	}
	if (r >= 0 && m->msg_controllen)
		each_passed(m, vv__fdinfo_passed);
	return r;
}

/* ---- several messages at once ---- */

/* The time-out of recvmmsg is looked at after each datagram only, as in the kernel; what is left is written back. */
static bool time_is_up(struct timespec *timeout, int64_t deadline)
{
	int64_t left;

	if (!timeout)
		return false;
	left = deadline - vv__now();
	left = left > 0 ? left : 0;
	*timeout = (struct timespec){left / 1000000000, left % 1000000000};
	return left == 0;
}

static long receive_many(
    struct vv__fdcall *c, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout)
{
	int64_t deadline =
	    timeout ? vv__deadline_in(timeout->tv_sec * 1000000000l + timeout->tv_nsec) : VV__FOREVER;
	unsigned done = 0;
	long r;

	do {
		r = vv__attempts(c, vv__receiving(c, vv__syscall(SYS_recvmmsg, c->fd, v + done, n - done,
							 flags | dontwait, NULL)));
		if (r <= 0)
			break;
		done += r;
	} while (done < n && !(flags & MSG_WAITFORONE) && !time_is_up(timeout, deadline));
	return done ? (long)done : r;
}

VV_EXPORT int recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout)
{
	struct vv_greenlet *g = vv__me();
	struct vv__fdcall c;
	int r;

	if (vv__step_aside(g, socket) || flags & NEVER_WAITS ||
	    (timeout && (!vv__given(timeout, sizeof *timeout) || !vv__timeout_valid(timeout)))) {
		r = REAL(recvmmsg)(fd, v, n, flags, timeout);
	} else if (flags & MSG_WAITALL || vv__fdinfo_facts(vv__fdinfo(fd)) & VV__FD_LOWAT) {
		r = vv__hopped(REAL(recvmmsg)(fd, v, n, flags, timeout));
	} else {
		c = vv__fdcall(fd, POLLIN, "recvmmsg");
		r = vv__fdcall_end(&c, receive_many(&c, v, n, flags, timeout));
	}
	for (int i = 0; i < r; i++)
		if (v[i].msg_hdr.msg_controllen)
			each_passed(&v[i].msg_hdr, vv__fdinfo_forget);
	return r;
}

/* sendmmsg ends at the first error; the messages sent before count. */
static long send_many(struct vv__fdcall *c, struct mmsghdr *v, unsigned n, int flags)
{
	unsigned done = 0, failures = 0;
	long r = 0;

	while (done < n) {
		struct msghdr *m = &v[done].msg_hdr;

		r = vv__attempts(c, sendmsg_now(c, m, flags, &failures));
		if (r < 0)
			break;
		if (is_partial(c, r, vv__iov_bytes(m->msg_iov, m->msg_iovlen)))
			r = vv__send_rest(c, m->msg_iov, m->msg_iovlen, r, flags);
		v[done++].msg_len = r;
		failures = 0;
	}
	return done ? (long)done : r;
}

VV_EXPORT int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
	struct vv_greenlet *g = vv__me();
	struct vv__fdcall c;
	int r;

	if (vv__step_aside(g, socket) || flags & MSG_DONTWAIT || !n) {
		r = REAL(sendmmsg)(fd, v, n, flags);
	} else if (flags & MSG_FASTOPEN) {
		r = vv__hopped(REAL(sendmmsg)(fd, v, n, flags));
	} else {
		c = vv__fdcall(fd, POLLOUT, "sendmmsg");
		r = vv__fdcall_end(&c, send_many(&c, v, n < UIO_MAXIOV ? n : UIO_MAXIOV, flags));
	}
	for (int i = 0; i < r; i++)
		if (v[i].msg_hdr.msg_controllen)
			each_passed(&v[i].msg_hdr, vv__fdinfo_passed);
	return r;
}
