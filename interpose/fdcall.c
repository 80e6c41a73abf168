/*
 * The waiting half of fdcall.h: what happens after an attempt has said EAGAIN.
 */
#include "fdcall.h"

/*
 * The first wait finds out whether the program wanted to block, and until when. A socket time-out also takes away the
 * restart after a signal (signal(7)). connect has a time-out of its own and comes with the mode known.
 */
static bool may_wait(struct vv__fdcall *c)
{
	int64_t ns = 0;

	if (vv__fd_nonblocking(c->fd))
		return false;
	if (c->kind == VV__FD_UNKNOWN || vv__fd_is_socket(c->kind))
		ns = vv__fd_timeout(c->fd, c->events & POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO);
	c->deadline = ns ? vv__deadline_in(ns) : VV__FOREVER;
	c->flags = VV__EINTR | VV__CANCEL | (ns ? 0 : VV__RESTART);
	c->asked = true;
	return true;
}

int vv__fdcall_wait(struct vv__fdcall *c)
{
	int r;

	if (!c->asked && !may_wait(c))
		return -EAGAIN;
	r = vv__wait_fd(&c->fd, c->events, c->deadline, c->flags, c->what);
	c->cancelled = r == -ECANCELED;
	return r == -ETIMEDOUT ? -EAGAIN : r;
}

long vv__fdcall_end_slow(struct vv__fdcall *c, long r)
{
	if (c->fd != c->original)
		vv__fd_done(c->original, c->fd);
	if (c->cancelled)
		vv__cancel_now();
	return vv__errno_return(r);
}

short vv__poll_now(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	struct timespec zero = {0};

	return vv__syscall(SYS_ppoll, &p, 1, &zero, NULL, 0) > 0 ? p.revents : 0;
}

bool vv__fdcall_shut(struct vv__fdcall *c)
{
	if (c->kind == VV__FD_UNKNOWN)
		c->kind = vv__fdinfo_classify(c->original);
	return c->kind == VV__FD_PACKET && vv__poll_now(c->fd, POLLIN | POLLRDHUP) & POLLRDHUP;
}
