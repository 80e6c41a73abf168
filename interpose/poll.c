/*
 * poll, select and epoll. All of them: the real call with time-out zero; if nothing is ready, park on the set, then the
 * real call again, which alone says what is ready. A signal handler always ends them with EINTR, SA_RESTART or not.
 *
 * The variants with a signal mask: what is ready counts before any signal; then the greenlet's mask is changed and from
 * that moment on a handler that has run ends the call, also one that ran before the greenlet slept (VV__SINCE).
 */
#include "fanout.h"
#include "fdcall.h"

enum { FLAGS = VV__EINTR | VV__CANCEL };

/* Wakes in vain after which the kernel is left to wait: it sees events that epoll does not tell us apart. */
enum { VAIN = 4, MANY_VAIN = 100 };

struct call {
	struct vv_greenlet *g;
	int64_t deadline;
	const sigset_t *mask; /* of the p-variants, or null */
	uint64_t old_mask;
	bool masked;
	unsigned vain;
};

static int64_t deadline_ms(int timeout)
{
	return timeout < 0 ? VV__FOREVER : vv__deadline_in(timeout * 1000000ll);
}

static int64_t deadline_ts(const struct timespec *ts)
{
	if (!ts)
		return VV__FOREVER;
	if (ts->tv_sec > INT64_MAX / 4000000000)
		return VV__FOREVER;
	return vv__deadline_in(ts->tv_sec * 1000000000ll + ts->tv_nsec);
}

static struct timespec time_left(int64_t deadline)
{
	int64_t left = deadline - vv__now();

	return left > 0 ? (struct timespec){left / 1000000000, left % 1000000000} : (struct timespec){0};
}

/* ---- the mask ---- */

static bool bad_mask(const sigset_t *mask)
{
	return mask && !vv__given(mask, sizeof(uint64_t));
}

static void mask_on(struct call *c)
{
	if (!c->mask || c->masked)
		return;
	c->masked = true;
	vv__mask_swap(c->g, c->mask, &c->old_mask);
}

static unsigned flags_of(const struct call *c)
{
	return c->masked ? FLAGS | VV__SINCE : FLAGS;
}

static long finish(struct call *c, long r)
{
	if (c->masked)
		vv__change_mask(c->g, c->old_mask);
	if (r == -ECANCELED)
		vv__cancel_now();
	return vv__errno_return(r);
}

/* ---- poll ---- */

static long poll_now(struct pollfd *fds, nfds_t n)
{
	struct timespec zero = {0};

	return vv__syscall(SYS_ppoll, fds, (long)n, &zero, NULL, 8l);
}

/* Without memory for the wait's records, look again and again. */
static int wait_for_any(struct call *c, const struct pollfd *fds, nfds_t n, const char *what)
{
	enum { NAP_NS = 2000000 };
	int r = vv__wait_fds(fds, n, c->deadline, flags_of(c), what);
	int64_t nap;

	if (r != -ENOMEM)
		return r;
	c->vain = 0;
	nap = vv__deadline_in(NAP_NS);
	return vv__sleep_until(nap < c->deadline ? nap : c->deadline, flags_of(c));
}

/* The rest of the wait in the kernel, on a spare carrier. */
static long poll_hopping(struct call *c, struct pollfd *fds, nfds_t n)
{
	struct timespec left = time_left(c->deadline);

	return vv__hopped(
	    vv__syscall(SYS_ppoll, fds, (long)n, c->deadline == VV__FOREVER ? NULL : &left, NULL, 8l));
}

static long poll_until(struct call *c, struct pollfd *fds, nfds_t n)
{
	long r;

	while ((r = poll_now(fds, n)) == 0) {
		if (c->deadline <= 0)
			break;
		mask_on(c);
		if (c->vain++ > VAIN)
			return poll_hopping(c, fds, n);
		r = wait_for_any(c, fds, n, "poll");
		if (r == -ETIMEDOUT)
			return 0;
		if (r < 0)
			return r;
	}
	return r;
}

VV_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct call c = {.g = vv__me()};

	if (vv__fanout_on() && timeout != 0 && vv__fanout_polls(fds, n))
		return vv__errno_return(vv__fanout_poll(fds, n, deadline_ms(timeout)));
	if (vv__step_aside(c.g, poll) || timeout == 0)
		return REAL(poll)(fds, n, timeout);
	vv__cancel_point(c.g);
	c.deadline = deadline_ms(timeout);
	return finish(&c, poll_until(&c, fds, n));
}
VV_ALIAS(__poll, poll);

VV_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	struct call c = {.g = vv__me(), .mask = mask};

	if (vv__fanout_on() && !mask && (!timeout || vv__timeout_valid(timeout)) && vv__fanout_polls(fds, n))
		return vv__errno_return(vv__fanout_poll(fds, n, deadline_ts(timeout)));
	if (vv__step_aside(c.g, poll) || (timeout && !vv__timeout_valid(timeout)) || bad_mask(mask))
		return REAL(ppoll)(fds, n, timeout, mask);
	vv__cancel_point(c.g);
	c.deadline = deadline_ts(timeout);
	return finish(&c, poll_until(&c, fds, n));
}

VV_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
	vv__me();
	return room / sizeof(*fds) < n ? REAL(__poll_chk)(fds, n, timeout, room) : poll(fds, n, timeout);
}

VV_EXPORT int __ppoll_chk(
    struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t room)
{
	vv__me();
	return room / sizeof(*fds) < n ? REAL(__ppoll_chk)(fds, n, timeout, mask, room)
				       : ppoll(fds, n, timeout, mask);
}

/* ---- select ---- */

/*
 * The program's sets are written only by the last attempt: each works on a copy. Sets may be larger than fd_set; the
 * copies are then taken from fresh pages.
 */
struct sets {
	unsigned long *in[3], *out[3]; /* null where the program gave none */
	size_t bytes;		       /* of one set */
	int nfds;
	struct pollfd *fds;
	nfds_t n;
	void *pages;
	size_t size;
	unsigned long room[3 * sizeof(fd_set) / sizeof(long)];
	struct pollfd few[16];
};

static const short set_events[3] = {POLLIN, POLLOUT, POLLPRI};

static short events_of(const struct sets *s, int fd)
{
	short events = 0;

	for (int i = 0; i < 3; i++)
		if (s->in[i] && s->in[i][fd / 64] >> (fd % 64) & 1)
			events |= set_events[i];
	return events;
}

static void list(struct sets *s)
{
	nfds_t k = 0;

	for (int fd = 0; fd < s->nfds; fd++) {
		short events = events_of(s, fd);

		if (events)
			s->fds[k++] = (struct pollfd){.fd = fd, .events = events};
	}
}

static int prepare(struct sets *s, int nfds, fd_set *in[3])
{
	char *at = (char *)s->room;

	s->nfds = nfds;
	s->bytes = (nfds + 63) / 64 * 8;
	for (int i = 0; i < 3; i++)
		s->in[i] = (unsigned long *)in[i];
	for (int fd = 0; fd < nfds; fd++)
		s->n += events_of(s, fd) != 0;
	s->fds = s->few;
	if (s->bytes > sizeof(fd_set) || s->n > sizeof(s->few) / sizeof(*s->few)) {
		s->size = 3 * s->bytes + s->n * sizeof(*s->fds);
		at = s->pages = vv__pages(s->size);
		if (!s->pages)
			return -ENOMEM;
		s->fds = (struct pollfd *)(at + 3 * s->bytes);
	}
	for (int i = 0; i < 3; i++)
		s->out[i] = in[i] ? (unsigned long *)(at + i * s->bytes) : NULL;
	list(s);
	return 0;
}

static long select_in_kernel(struct sets *s, struct timespec *left)
{
	for (int i = 0; i < 3; i++)
		if (s->in[i])
			memcpy(s->out[i], s->in[i], s->bytes);
	return vv__syscall(SYS_pselect6, (long)s->nfds, s->out[0], s->out[1], s->out[2], left, NULL);
}

static long select_until(struct call *c, struct sets *s)
{
	struct timespec left = {0};
	long r;

	while ((r = select_in_kernel(s, &left)) == 0) {
		if (c->deadline <= 0)
			break;
		mask_on(c);
		if (c->vain++ > VAIN) {
			left = time_left(c->deadline);
			return vv__hopped(select_in_kernel(s, c->deadline == VV__FOREVER ? NULL : &left));
		}
		r = wait_for_any(c, s->fds, s->n, "select");
		if (r == -ETIMEDOUT)
			return 0;
		if (r < 0)
			return r;
		left = (struct timespec){0};
	}
	return r;
}

static long select_any(struct call *c, int nfds, fd_set *in[3])
{
	struct sets s;
	long r;

	s.n = 0;
	s.pages = NULL;
	r = prepare(&s, nfds, in);
	if (r == 0)
		r = select_until(c, &s);
	for (int i = 0; i < 3 && r >= 0; i++)
		if (in[i])
			memcpy(in[i], s.out[i], s.bytes);
	if (s.pages)
		vv__syscall(SYS_munmap, s.pages, s.size);
	return r;
}

/* The same on a listener of a server that is fanned out (fanout.h); false: it is none. */
static bool select_fanned(int nfds, fd_set *in[3], int64_t deadline, long *result)
{
	struct sets s = {.n = 0};

	if (nfds > FD_SETSIZE || prepare(&s, nfds, in) < 0 || s.pages || !vv__fanout_polls(s.fds, s.n)) {
		if (s.pages)
			vv__syscall(SYS_munmap, s.pages, s.size);
		return false;
	}
	*result = vv__fanout_poll(s.fds, s.n, deadline);
	if (*result < 0)
		return true;
	*result = 0;
	for (int i = 0; i < 3; i++)
		if (in[i])
			memset(in[i], 0, s.bytes);
	for (nfds_t k = 0; k < s.n; k++)
		for (int i = 0; i < 3; i++)
			if (in[i] && s.fds[k].revents & set_events[i] & s.fds[k].events) {
				FD_SET(s.fds[k].fd, in[i]);
				++*result;
			}
	return true;
}

/* libc leaves it to the kernel to look. */
static bool bad_sets(int nfds, fd_set *const in[3])
{
	for (int i = 0; i < 3 && nfds > 0; i++)
		if (in[i] && !vv__given(in[i], (nfds + 63) / 64 * 8))
			return true;
	return false;
}

VV_EXPORT int select(int nfds, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	struct call c = {.g = vv__me()};
	struct timespec ts, left;
	long result;

	if ((!vv__fanout_on() && vv__step_aside(c.g, poll)) || nfds < 0 || nfds > 1 << 20 ||
	    (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0 || timeout->tv_usec >= 1000000)) ||
	    bad_sets(nfds, (fd_set *[3]){r, w, e}))
		return REAL(select)(nfds, r, w, e, timeout);
	if (timeout)
		ts = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
	c.deadline = deadline_ts(timeout ? &ts : NULL);
	if (!vv__fanout_on() || !select_fanned(nfds, (fd_set *[3]){r, w, e}, c.deadline, &result)) {
		if (vv__step_aside(c.g, poll))
			return REAL(select)(nfds, r, w, e, timeout);
		vv__cancel_point(c.g);
		result = select_any(&c, nfds, (fd_set *[3]){r, w, e});
	}
	if (timeout) {
		left = time_left(c.deadline);
		*timeout = (struct timeval){left.tv_sec, left.tv_nsec / 1000};
	}
	return finish(&c, result);
}
VV_ALIAS(__select, select);

VV_EXPORT int pselect(
    int nfds, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout, const sigset_t *mask)
{
	struct call c = {.g = vv__me(), .mask = mask};

	if (vv__step_aside(c.g, poll) || nfds < 0 || nfds > 1 << 20 ||
	    (timeout && !vv__timeout_valid(timeout)) || bad_mask(mask) ||
	    bad_sets(nfds, (fd_set *[3]){r, w, e}))
		return REAL(pselect)(nfds, r, w, e, timeout, mask);
	vv__cancel_point(c.g);
	c.deadline = deadline_ts(timeout);
	return finish(&c, select_any(&c, nfds, (fd_set *[3]){r, w, e}));
}

/* ---- epoll ---- */

static long epoll_hopping(struct call *c, int fd, struct epoll_event *events, int max)
{
	int64_t left = c->deadline - vv__now();
	long ms = c->deadline == VV__FOREVER ? -1 : left <= 0 ? 0 : (left + 999999) / 1000000;

	return vv__hopped(vv__syscall(SYS_epoll_pwait, fd, events, max, ms, NULL, 8));
}

/*
 * The program's epoll descriptor stays as it is, with all its state in the kernel. It is itself readable when it has an
 * event: park on it, then collect with time-out zero. The kernel allows only so many epoll descriptors in one another:
 * one that the hub's cannot take in is waited for on a spare carrier.
 */
static long epoll_until(struct call *c, int ep, struct epoll_event *events, int max)
{
	int fd = ep;
	long r;

	while ((r = vv__syscall(SYS_epoll_pwait, (long)fd, events, (long)max, 0l, NULL, 8l)) == 0) {
		if (c->deadline <= 0)
			break;
		mask_on(c);
		if (c->vain++ > MANY_VAIN) {
			r = epoll_hopping(c, fd, events, max);
			break;
		}
		r = vv__wait_fd(&fd, POLLIN, c->deadline, flags_of(c), "epoll_wait");
		if (r < 0)
			break;
	}
	if (fd != ep)
		vv__fd_done(ep, fd);
	return r == -ETIMEDOUT ? 0 : r;
}

VV_EXPORT int epoll_wait(int ep, struct epoll_event *events, int max, int timeout)
{
	struct call c = {.g = vv__me()};

	if (vv__step_aside(c.g, poll) || timeout == 0)
		return REAL(epoll_wait)(ep, events, max, timeout);
	vv__cancel_point(c.g);
	c.deadline = deadline_ms(timeout);
	return finish(&c, epoll_until(&c, ep, events, max));
}

VV_EXPORT int epoll_pwait(int ep, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	struct call c = {.g = vv__me(), .mask = mask};

	if (vv__step_aside(c.g, poll) || bad_mask(mask))
		return REAL(epoll_pwait)(ep, events, max, timeout, mask);
	vv__cancel_point(c.g);
	c.deadline = timeout == 0 ? 0 : deadline_ms(timeout);
	return finish(&c, epoll_until(&c, ep, events, max));
}

VV_EXPORT int epoll_pwait2(
    int ep, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask)
{
	struct call c = {.g = vv__me(), .mask = mask};

	if (vv__step_aside(c.g, poll) || bad_mask(mask) ||
	    (timeout && !vv__given(timeout, sizeof *timeout)) || (timeout && !vv__timeout_valid(timeout)))
		return REAL(epoll_pwait2)(ep, events, max, timeout, mask);
	vv__cancel_point(c.g);
	c.deadline = deadline_ts(timeout);
	return finish(&c, epoll_until(&c, ep, events, max));
}
