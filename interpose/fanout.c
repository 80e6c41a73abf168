/*
 * Iterative servers served concurrently (fanout.h): where the program's flow of control branches, what a branch and the
 * trunk are given, who is the trunk. How a branch is made is core/slice.c's or fanout_fork.c's.
 *
 * The rule of the trunk: whoever comes to a place where the program waits for a connection becomes the trunk; the one that
 * has been waiting there goes. So a program that is served one client at a time runs exactly as without us, with the state
 * its last connection left; and of those that overlap the last to finish counts.
 */
#include "fanout.h"

#include "../core/slice.h"
#include "fdcall.h"
#include "signal.h"
#include "thread.h"

#include <link.h>
#include <stdio_ext.h>

struct vv__fanout_settings vv__fanout;
struct vv__fanout_stats vv__fanout_stats;

/* What is known of one flow of control. */
struct branch {
	bool active;	 /* serves a connection */
	int fd;		 /* that, as it was accepted */
	uint64_t cookie; /* of that socket */
	uint32_t serial; /* for fancheck.c */
	int listener;	 /* pending: accepted for it already, accept is to return fd */
	bool pending;
	socklen_t len;
	struct sockaddr_storage addr;
};

enum { PLACES = 64 };

static struct vv__slab branches = {.size = sizeof(struct branch)};
static struct branch trunk_branch; /* of the flow that main began; in a forked branch, its own */

static struct {
	void *base; /* where main's frames end */
	bool started, off, draining;
	struct vv_greenlet *waiting;  /* the trunk, while it waits for a connection */
	int places[PLACES], places_n; /* where it does */
	_Atomic int in_flight;
} fan;

void vv__fanout_base(void *base)
{
	fan.base = base;
}

static bool by_slices(void)
{
	return vv__fanout.mode == VV__FANOUT_GREENLET;
}

static struct branch *branch_of(struct vv_greenlet *g)
{
	return g->slice && g->slice->data ? g->slice->data : &trunk_branch;
}

/* ---- starting, giving up ---- */

static void give_up(const char *why)
{
	if (!fan.off)
		vv__log("%s: no fan-out, its connections are served as without it", why);
	fan.off = true;
	if (!fan.started)
		vv__fanout.mode = VV__FANOUT_OFF;
}

void vv__fanout_thread(void)
{
	if (fan.started && vv__fanout.check)
		vv__fancheck_ends(); /* the kernel would refuse to write for that one */
	if (fan.started && !fan.draining)
		give_up("the program has made a thread");
}

/* Thread-local variables of every object but libc and ourselves. */
static int note_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	const char *name = strrchr(info->dlpi_name, '/'), *self = (const char *)&vv__self;
	const char *block = info->dlpi_tls_data;
	size_t bytes = 0;

	name = name ? name + 1 : info->dlpi_name;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			bytes = info->dlpi_phdr[i].p_memsz;
	if (!bytes || !block || !strncmp(name, "libc.so", 7) || !strncmp(name, "ld-linux", 8) ||
	    (self >= block && self < block + bytes))
		return 0;
	vv__slice_range(info->dlpi_tls_data, bytes);
	return 0;
}

static void slice_runs(struct vv_greenlet *g)
{
	if (branch_of(g)->active)
		vv__fancheck_runs(branch_of(g)->serial);
}

struct sought {
	uint32_t serial;
	struct vv_greenlet *g;
};

static int serves(struct vv_greenlet *g, void *arg)
{
	struct sought *s = arg;

	if (g->slice && branch_of(g)->active && branch_of(g)->serial == s->serial)
		s->g = g;
	return s->g != NULL;
}

struct vv_greenlet *vv__fanout_of(uint32_t serial)
{
	struct sought s = {serial, NULL};

	vv__each(serves, &s);
	return s.g;
}

static bool start_slices(struct vv_greenlet *g)
{
	if (!fan.base || !vv__slice_on_stack(fan.base)) {
		give_up("the program does not run on its main stack");
		return false;
	}
	vv__slice_range(&errno, sizeof errno);
	vv__slice_range(&h_errno, sizeof h_errno);
	vv__fankeys_start();
	dl_iterate_phdr(note_module, NULL);
	if (vv__slice_start(g, fan.base) < 0) {
		give_up("out of memory");
		return false;
	}
	if (vv__fanout.check) {
		vv__fancheck_start();
		vv__slice_runs = slice_runs;
		vv__slice_stops = vv__fancheck_stops;
	}
	return true;
}

static bool start(struct vv_greenlet *g)
{
	if (fan.started || fan.off)
		return fan.started && !fan.off;
	if (g != vv__main_greenlet() || atomic_load(&vv__live) > 1) {
		give_up("the program has threads");
		return false;
	}
	if (by_slices() && !start_slices(g))
		return false;
	fan.started = true;
	return true;
}

/* ---- places ---- */

static bool listens(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return !vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) && on;
}

/* A listener of the program's, not one that a connection's handler has made for itself. */
static bool is_place(int fd)
{
	unsigned facts = vv__fdinfo_facts(vv__fdinfo(fd));

	return !(facts & VV__FD_HANDLERS) && (facts & VV__FD_LISTENS || listens(fd));
}

bool vv__fanout_in_branch(void)
{
	return branch_of(vv__me())->active;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

static bool still_open(const struct branch *b)
{
	return b->active && cookie_of(b->fd) == b->cookie;
}

/* ---- arriving at a place ---- */

static void landed(struct branch *b)
{
	if (vv__fanout.check) {
		vv__fancheck_stops();
		vv__fancheck_flies(b->serial, false);
	}
	b->active = false;
	atomic_fetch_sub(&fan.in_flight, 1);
	vv__wake(&fan.in_flight, INT32_MAX);
}

static void end_slice(struct vv_greenlet *g, struct branch *b)
{
	vv__run_dtors(g);
	vv__fankeys_end();
	vv__signals_end(g);
	if (b->active)
		landed(b);
	g->slice->data = NULL;
	if (b != &trunk_branch)
		vv__slab_put(&branches, b);
	vv__slice_end();
}

static void drop(struct vv_greenlet *g)
{
	struct branch *b = branch_of(g);

	vv__fankeys_drop(g);
	vv__signals_end(g);
	vv__slice_drop(g);
	if (b != &trunk_branch)
		vv__slab_put(&branches, b);
}

static void leave(void)
{
	fan.waiting = NULL;
}

/* g comes to where the program waits for a connection. */
static void arrive_slice(struct vv_greenlet *g)
{
	struct branch *b = branch_of(g);

	if (b->active && (fan.draining || (fan.off && atomic_load(&vv__live) > 1)))
		end_slice(g, b);
	if (b->active)
		landed(b);
	if (fan.waiting && fan.waiting != g)
		drop(fan.waiting);
	fan.waiting = g;
	vv__set_main(g);
	vv__keep_dtors(g);
}

/* The connection's handler closes the listener: as without us, this program accepts no more. */
void vv__fanout_closing(unsigned first, unsigned last)
{
	struct vv_greenlet *g = vv__me();
	int n = 0;

	if (!fan.waiting || fan.waiting == g || !g->slice)
		return;
	for (int i = 0; i < fan.places_n; i++)
		if ((unsigned)fan.places[i] < first || (unsigned)fan.places[i] > last)
			fan.places[n++] = fan.places[i];
	fan.places_n = n;
	if (n)
		return;
	vv__set_main(g);
	drop(fan.waiting);
	leave();
}

/* 0: wait here; 1: as without us; or a negative errno for the call. */
static int arrive(struct vv_greenlet *g)
{
	int r;

	switch (vv__fanout.mode) {
	case VV__FANOUT_FORK:
		if (trunk_branch.active)
			vv__fanout_fork_end();
		return 0;
	case VV__FANOUT_PREFORK:
		r = vv__fanout_supervise();
		if (r > 0)
			vv__fanout.mode = VV__FANOUT_OFF;
		return r;
	default:
		arrive_slice(g);
		return fan.off;
	}
}

static bool has_room(void *unused)
{
	return (unsigned)atomic_load(&fan.in_flight) < vv__fanout.max;
}

static bool has_none(void *unused)
{
	return !has_room(NULL);
}

static int await_room(void)
{
	struct vv__park p = {.key = &fan.in_flight,
	    .deadline = VV__FOREVER,
	    .flags = VV__EINTR | VV__RESTART | VV__CANCEL,
	    .what = "a connection to end",
	    .valid = has_none};
	int r = 0;

	if (!by_slices())
		return vv__fanout_fork_wait((int)vv__fanout.max, VV__FOREVER);
	while (!has_room(NULL) && (r == 0 || r == -EAGAIN))
		r = vv__park_on(&p);
	return r == -EAGAIN ? 0 : r;
}

/* ---- branching ---- */

/* The caller's flow from here on serves connection fd. */
static void begin(struct branch *b, int fd)
{
	b->active = true;
	b->fd = fd;
	b->cookie = cookie_of(fd);
	if (vv__fanout.check && by_slices()) {
		vv__fancheck_flies(b->serial = (uint32_t)vv__fanout_stats.connections, true);
		vv__fancheck_runs(b->serial);
	}
}

static int branch_slice(int fd)
{
	struct branch *b = vv__slab_get(&branches);
	int n, r;

	if (!b)
		return -ENOMEM;
	*b = *branch_of(vv__me());
	r = vv__slice_fork(b);
	if (r < 0)
		vv__slab_put(&branches, b);
	if (r != 1)
		return r;
	vv__fankeys_branch();
	begin(b, fd);
	n = atomic_fetch_add(&fan.in_flight, 1) + 1;
	if ((uint64_t)n > vv__fanout_stats.peak)
		vv__fanout_stats.peak = (uint64_t)n;
	return 1;
}

/* 1: in a branch that serves fd; 0: in the trunk, which no longer has it; 1 in the trunk if there can be no branch. */
static int branch(int fd)
{
	int r;

	vv__fanout_stats.connections++;
	if (by_slices()) {
		r = branch_slice(fd);
		if (r < 0)
			leave();
		return r != 0;
	}
	r = vv__fanout_fork();
	if (r == 0)
		vv__syscall(SYS_close, fd);
	if (r == 1)
		begin(&trunk_branch, fd);
	return r != 0;
}

/* ---- taking connections ---- */

/* accept that does not block, although another process may be faster than poll knows. */
static long take(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int on = 1, off = 0;
	bool change = !vv__fdinfo_owned(vv__fdinfo(fd)) && !vv__fd_nonblocking(fd);
	long r;

	if (!vv__poll_now(fd, POLLIN))
		return -EAGAIN;
	if (change)
		vv__syscall(SYS_ioctl, fd, FIONBIO, &on);
	r = vv__syscall(SYS_accept4, fd, addr, len, flags);
	if (change)
		vv__syscall(SYS_ioctl, fd, FIONBIO, &off);
	return r;
}

/* The next connection, as accept4 would. */
static long next(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct vv__fdcall c;
	int r = await_room();

	if (r < 0)
		return r;
	if (!by_slices())
		return vv__syscall(SYS_accept4, fd, addr, len, flags);
	c = vv__fdcall(fd, POLLIN, "accept");
	r = vv__attempts(&c, take(c.fd, addr, len, flags));
	if (r < 0)
		leave();
	if (c.fd != c.original || c.cancelled)
		vv__fdcall_end(&c, r);
	return r;
}

static int hand_over(struct branch *b, struct sockaddr *addr, socklen_t *len, int flags)
{
	int on = 1;

	b->pending = false;
	if (flags & SOCK_NONBLOCK)
		vv__syscall(SYS_ioctl, b->fd, FIONBIO, &on);
	if (flags & SOCK_CLOEXEC)
		vv__syscall(SYS_fcntl, b->fd, F_SETFD, FD_CLOEXEC);
	if (addr && len) {
		memcpy(addr, &b->addr, *len < b->len ? *len : b->len);
		*len = b->len;
	}
	return b->fd;
}

bool vv__fanout_accept(int fd, struct sockaddr *addr, socklen_t *len, int flags, int *result)
{
	struct vv_greenlet *g = vv__me();
	struct branch *b = branch_of(g);
	socklen_t room = len ? *len : 0;
	long r;

	if (b->pending && b->listener == fd) {
		*result = hand_over(b, addr, len, flags);
		return true;
	}
	if (g->is_hub || g->foreign || !is_place(fd) || (!start(g) && !g->slice))
		return false;
	if (still_open(b) && vv__fd_nonblocking(fd)) {
		errno = EAGAIN;
		*result = -1;
		return true;
	}
	r = arrive(g);
	fan.places[0] = fd;
	fan.places_n = 1;
	if (r > 0)
		return false;
	while (r == 0) {
		if (len)
			*len = room;
		r = next(fd, addr, len, flags);
		if (r >= 0 && (fan.off || branch((int)r)))
			break;
		if (r >= 0)
			r = 0;
	}
	if (fan.off)
		leave();
	*result = (int)vv__errno_return(r);
	return true;
}

/* ---- poll ---- */

static int place_among(const struct pollfd *fds, nfds_t n, bool ready)
{
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && fds[i].events & POLLIN && (!ready || fds[i].revents & POLLIN) &&
		    is_place(fds[i].fd))
			return fds[i].fd;
	return -1;
}

bool vv__fanout_polls(const struct pollfd *fds, nfds_t n)
{
	struct vv_greenlet *g = vv__me();

	return n <= PLACES && !g->is_hub && !g->foreign && !fan.draining && place_among(fds, n, false) >= 0 &&
	       start(g);
}

static void note_places(const struct pollfd *fds, nfds_t n)
{
	fan.places_n = 0;
	for (nfds_t i = 0; i < n; i++)
		if (place_among(&fds[i], 1, false) >= 0)
			fan.places[fan.places_n++] = fds[i].fd;
}

/* A program that watches its connections beside the listener serves several at once by itself. */
static bool multiplexes(const struct branch *b, const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd == b->fd && still_open(b))
			return true;
	return false;
}

static const char by_itself[] = "the program serves several connections by itself";
static _Atomic bool *multiplexed; /* forked branches tell the trunk */

static void share_multiplexed(void)
{
	long p = by_slices() || multiplexed ? -1
					    : vv__syscall(SYS_mmap, NULL, sizeof *multiplexed,
						  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p > 0)
		multiplexed = (void *)p;
}

static bool trunk_is_told(void)
{
	return multiplexed && !trunk_branch.active && atomic_load(multiplexed);
}

static long poll_now(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	int64_t left = deadline == VV__FOREVER ? 0 : deadline - vv__now();
	struct timespec ts = {0, 0};

	if (deadline != VV__FOREVER && left > 0)
		ts = (struct timespec){left / 1000000000, left % 1000000000};
	return vv__syscall(SYS_ppoll, fds, n, deadline == VV__FOREVER ? NULL : &ts, NULL, 8);
}

static long await(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	long r;

	if (!by_slices())
		return poll_now(fds, n, deadline);
	while ((r = poll_now(fds, n, 0)) == 0) {
		r = deadline <= 0 ? -ETIMEDOUT
				  : vv__wait_fds(fds, n, deadline, VV__EINTR | VV__CANCEL, "a connection");
		if (r < 0)
			break;
	}
	return r == -ETIMEDOUT ? 0 : r;
}

/* In a forked branch that watches its connection beside the listener: it has the connection only. */
static long poll_alone(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct pollfd copy[PLACES];
	long r;

	if (multiplexed)
		atomic_store(multiplexed, true);
	memcpy(copy, fds, n * sizeof *fds);
	for (nfds_t i = 0; i < n; i++)
		if (place_among(&fds[i], 1, false) >= 0)
			copy[i].fd = -1;
	r = poll_now(copy, n, deadline);
	for (nfds_t i = 0; r >= 0 && i < n; i++)
		fds[i].revents = copy[i].revents;
	return r;
}

/* Show listener fd as the one that is ready. */
static long show(struct pollfd *fds, nfds_t n, int fd)
{
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = fds[i].fd == fd ? POLLIN : 0;
	return 1;
}

/* Listener fd is ready: 1 if the caller is a branch now that is to see it. */
static bool branch_at(int fd)
{
	struct branch next = {.listener = fd, .pending = true, .len = sizeof next.addr};
	struct branch *b;
	long r = take(fd, (struct sockaddr *)&next.addr, &next.len, 0);

	if (r < 0 || !branch((int)r))
		return false;
	b = branch_of(vv__me());
	next.active = b->active;
	next.fd = (int)r;
	next.cookie = b->cookie;
	next.serial = b->serial;
	*b = next;
	vv__fdinfo_forget((int)r);
	return true;
}

long vv__fanout_poll(struct pollfd *fds, nfds_t n, int64_t deadline)
{
	struct branch *b = branch_of(vv__me());
	long r;
	int fd;

	if (b->pending)
		return show(fds, n, b->listener);
	if (multiplexes(b, fds, n)) {
		if (vv__fanout.mode == VV__FANOUT_FORK)
			return poll_alone(fds, n, deadline);
		give_up(by_itself);
	}
	share_multiplexed();
	r = arrive(vv__me());
	if (r < 0)
		return r;
	note_places(fds, n);
	for (;;) {
		r = r ? 0 : await_room();
		if (r == 0)
			r = await(fds, n, deadline);
		fd = r > 0 ? place_among(fds, n, true) : -1;
		if (trunk_is_told())
			give_up(by_itself);
		if (fd < 0 || fan.off || vv__fanout.mode == VV__FANOUT_OFF)
			break;
		if (branch_at(fd))
			return show(fds, n, fd);
		if (!fan.waiting && by_slices())
			break;
		r = 0;
	}
	leave();
	return r;
}

/* ---- the end ---- */

static bool some_fly(void *unused)
{
	return atomic_load(&fan.in_flight) > 0;
}

void vv__fanout_drain(void)
{
	struct vv_greenlet *g = vv__me();
	int64_t deadline = vv__now() + vv__fanout.drain_ns;
	struct vv__park p = {
	    .key = &fan.in_flight, .deadline = deadline, .what = "connections to end", .valid = some_fly};

	if (!vv__fanout_on() || !fan.started)
		return;
	if (vv__fanout.mode == VV__FANOUT_FORK && !trunk_branch.active)
		vv__fanout_fork_wait(1, deadline);
	if (!g->slice)
		return;
	if (fan.draining && branch_of(g)->active)
		end_slice(g, branch_of(g));
	fan.draining = true;
	if (branch_of(g)->active)
		landed(branch_of(g));
	if (fan.waiting && fan.waiting != g)
		drop(fan.waiting);
	leave();
	while (some_fly(NULL) && vv__park_on(&p) != -ETIMEDOUT)
		;
}

void vv__fanout_fork_child(void)
{
	if (!fan.started)
		return;
	if (vv__fanout.check)
		vv__fancheck_stops();
	vv__fanout.mode = VV__FANOUT_OFF;
	fan.started = false;
	fan.waiting = NULL;
	atomic_store(&fan.in_flight, 0);
}
