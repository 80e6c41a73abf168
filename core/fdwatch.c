/*
 * The descriptor table: for every descriptor that was ever waited for, one persistent watcher per direction and the
 * queue of waits. Touched inside the hub only.
 *
 * A watcher stays started when a wait ends: the next wait on a keep-alive connection costs no epoll_ctl. Events
 * that nobody waits for stop it: not the first, which usually means that a greenlet was woken but has not run yet. Events are level-triggered and wake one waiter per direction: if that one leaves
 * something, the next turn of the loop wakes the next.
 *
 * A descriptor that is closed under a wait: as in the kernel the wait goes on for the old file. The table keeps a
 * duplicate of it under a high number and moves the waits there.
 */
#include "fdwatch.h"
#include "hub.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

struct fd { /* two cache lines; reading touches the first only */
	ev_io in;
	struct vv__fd_node *head; /* its prev is the tail */
	bool seen;		  /* watchers are initialised */
	bool dropped;		  /* not in the kernel's set: the next start must add it anew */
	uint8_t unclaimed;	  /* events in a row that nobody waited for */
	bool private;		  /* a duplicate of ours */
	bool no_urgent;		  /* urgent data came that nobody wanted */
	ev_io out;
	uint32_t refs; /* of a private duplicate: calls that still use it */
} __attribute__((aligned(64)));

enum { TOLERATED = 3 };
enum { CHUNK = 256, CHUNKS = (1 << 21) / CHUNK };
static struct fd **chunks;

static struct fd *look(int fd)
{
	if (fd < 0 || fd >= CHUNK * CHUNKS || !chunks || !chunks[fd / CHUNK])
		return NULL;
	return &chunks[fd / CHUNK][fd % CHUNK];
}

static struct fd *get(int fd)
{
	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	if (!chunks)
		chunks = vv__pages(CHUNKS * sizeof *chunks);
	if (chunks && !chunks[fd / CHUNK])
		chunks[fd / CHUNK] = vv__pages(CHUNK * sizeof **chunks);
	return look(fd);
}

/* ---- queues ---- */

static void enqueue(struct fd *f, struct vv__fd_node *n)
{
	n->next = NULL;
	if (f->head) {
		n->prev = f->head->prev;
		n->prev->next = n;
		f->head->prev = n;
	} else {
		n->prev = f->head = n;
	}
	n->queued = true;
	vv__hub.fd_waits++;
}

static void dequeue(struct fd *f, struct vv__fd_node *n)
{
	struct vv__fd_node *after = n->next ? n->next : f->head;

	after->prev = n->prev;
	if (f->head == n)
		f->head = n->next;
	else
		n->prev->next = n->next;
	n->queued = false;
	vv__hub.fd_waits--;
}

static void unref(struct fd *f, int fd)
{
	if (!f->private || f->refs || f->head)
		return;
	vv__poller_stop(&f->in);
	vv__poller_stop(&f->out);
	vv__poller_drop(fd);
	vv__syscall(SYS_close, fd);
	memset(f, 0, sizeof *f);
}

void vv__unqueue_fds(struct vv__wait *w)
{
	for (uint32_t i = 0; i < w->nnodes; i++) {
		struct vv__fd_node *n = &w->nodes[i];

		if (!n->queued)
			continue;
		dequeue(look(n->fd), n);
		unref(look(n->fd), n->fd);
	}
}

/* ---- events ---- */

static void wake(struct vv__wait *w)
{
	atomic_store(&w->state, VV__WOKEN);
	vv__unqueue_fds(w);
	vv__deadline_disarm(w);
	vv__ready(w->g);
}

static bool wake_first(struct fd *f, short events)
{
	for (struct vv__fd_node *n = f->head; n; n = n->next) {
		/* A wait for nothing but hang-up and errors is served by the reading side. */
		if (!(n->events & events) && (n->events & (POLLIN | POLLOUT) || !(events & POLLIN)))
			continue;
		if (n->wait->nnodes == 1 && f->private)
			f->refs++; /* vv__wait_fd hands the private number to the call */
		wake(n->wait);
		return true;
	}
	return false;
}

static void fetch(const void *from, size_t bytes)
{
	for (const char *p = from; bytes; p += 64, bytes -= 64)
		__builtin_prefetch(p, 1);
}

/*
 * The kernel told of n descriptors. Among thousands of connections all that leads from one to its greenlet's stack has
 * left the caches: a chain of misses each. Asked for step by step for all of them, the misses of one step overlap.
 */
void vv__fd_fetch_ahead(const struct epoll_event *events, int n)
{
	enum { FRAMES = 512 }; /* bytes: a read's saved registers up to its caller's buffer, if that is on the stack */
	ptrdiff_t self = (char *)&vv__self - (char *)vv__thread_pointer();
	struct fd *f;

	for (int i = 0; i < n; i++)
		if ((f = look(vv__fd_of_event(&events[i]))))
			fetch(f, 64);
	for (int i = 0; i < n; i++)
		if ((f = look(vv__fd_of_event(&events[i]))) && f->head)
			fetch((char *)f->head - offsetof(struct vv_greenlet, wait1.node1), VV__HOT);
	for (int i = 0; i < n; i++) {
		const struct vv_greenlet *g;

		f = look(vv__fd_of_event(&events[i]));
		if (!f || !f->head)
			continue;
		g = f->head->wait->g;
		fetch(g->ctx.sp, FRAMES);
		fetch((char *)g->ctx.tp + self, 64);
		fetch(g->cancel, 64);
	}
}

static void on_event(struct ev_loop *l, ev_io *watcher, int revents)
{
	struct fd *f = watcher->data;

	if (!wake_first(f, watcher->events & EV_READ ? POLLIN : POLLOUT) && ++f->unclaimed > TOLERATED)
		vv__poller_stop(watcher);
}

/* ---- starting to wait ---- */

static void set_watchers(struct fd *f, int fd)
{
	if (f->seen) {
		vv__poller_stop(&f->in);
		vv__poller_stop(&f->out);
	}
	ev_io_init(&f->in, on_event, fd, EV_READ);
	ev_io_init(&f->out, on_event, fd, EV_WRITE);
	f->in.data = f->out.data = f;
	f->seen = true;
	f->dropped = f->no_urgent = false;
}

static int add(struct vv__fd_node *n)
{
	struct fd *f = get(n->fd);

	if (!f)
		return n->fd < 0 ? -EBADF : -EPERM; /* no memory to watch it: a carrier waits for it */
	if (!f->seen || f->dropped)
		set_watchers(f, n->fd);
	enqueue(f, n);
	f->unclaimed = 0;
	if (!(n->events & POLLOUT) || n->events & POLLIN)
		if (!ev_is_active(&f->in))
			vv__poller_start(&f->in);
	if (n->events & POLLOUT && !ev_is_active(&f->out))
		vv__poller_start(&f->out);
	return 0;
}

static int reserve_nodes(struct vv__wait *w, uint32_t n)
{
	struct vv__fd_node *fresh;

	if (n <= 1) {
		w->nodes = &w->node1;
	} else if (n > w->cap || w->nodes == &w->node1) {
		fresh = n > w->cap ? vv__pages_to_spare(n * sizeof *fresh) : w->many;
		if (!fresh)
			return -ENOMEM;
		if (n > w->cap) {
			if (w->many)
				vv__syscall(SYS_munmap, w->many, w->cap * sizeof *fresh);
			w->many = fresh;
			w->cap = n;
		}
		w->nodes = fresh;
	}
	w->nnodes = n;
	return 0;
}

static int timeout_wait(struct pollfd *fds, unsigned long n, int64_t deadline)
{
	int64_t ns = deadline == VV__FOREVER ? 0 : deadline - vv__now();
	struct timespec ts;
	long r;

	if (ns < 0)
		ns = 0;
	ts = (struct timespec){ns / 1000000000, ns % 1000000000};
	r = vv__syscall(SYS_ppoll, fds, n, deadline == VV__FOREVER ? NULL : &ts, NULL, 8);
	return r == 0 ? -ETIMEDOUT : r < 0 ? (int)r : 0;
}

/* What cannot be watched (urgent data alone) is polled by the kernel on a spare carrier. */
static int wait_hopping(const struct pollfd *fds, unsigned long n, int64_t deadline)
{
	struct pollfd *copy = (struct pollfd *)fds;
	int r;

	vv__hop();
	r = timeout_wait(copy, n, deadline);
	vv__hop_back();
	return r;
}

/* Inside. */
static bool only_urgent(const struct pollfd *fds, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		if (fds[i].fd < 0 || !(fds[i].events & POLLPRI))
			continue;
		if (!(fds[i].events & POLLIN) || !vv__fd_takes_urgent(fds[i].fd))
			return true;
	}
	return false;
}

bool vv__fd_takes_urgent(int fd)
{
	struct fd *f = look(fd);

	return !f || !f->no_urgent || f->dropped;
}

/* Urgent data stays reported until it is read: without anybody who waits for it the loop would spin. */
bool vv__fd_urgent(int fd, uint32_t *wanted)
{
	struct fd *f = look(fd);

	if (!f)
		return true;
	for (struct vv__fd_node *n = f->head; n; n = n->next)
		if (n->events & POLLPRI)
			return true;
	f->no_urgent = true;
	*wanted = (ev_is_active(&f->in) ? POLLIN : 0) | (ev_is_active(&f->out) ? POLLOUT : 0);
	return false;
}

static int queue_all(struct vv__wait *w, const struct pollfd *fds, unsigned long n)
{
	uint32_t k = 0;
	int r;

	for (unsigned long i = 0; i < n; i++) {
		if (fds[i].fd < 0)
			continue;
		w->nodes[k] = (struct vv__fd_node){.wait = w, .fd = fds[i].fd, .events = fds[i].events};
		r = add(&w->nodes[k]);
		if (r < 0) {
			w->nnodes = k;
			return r;
		}
		k++;
	}
	w->nnodes = k;
	return 0;
}

static int wait_inside(struct vv_greenlet *g, const struct pollfd *fds, unsigned long n, int64_t deadline,
    unsigned flags, const char *what, int *moved)
{
	struct vv__wait *w = vv__wait_begin(g, VV__WAIT_FDS, deadline, what);
	int r;

	if (!w)
		return -ENOMEM;
	r = reserve_nodes(w, n);
	if (r == 0)
		r = queue_all(w, fds, n);
	if (r < 0) {
		vv__unqueue_fds(w);
		vv__wait_end(g, w);
		return r;
	}
	r = vv__wait_sleep(g, w, flags);
	if (moved && r == 0)
		*moved = w->nodes[0].fd;
	vv__wait_end(g, w);
	return r;
}

int vv__wait_fds(
    const struct pollfd *fds, unsigned long n, int64_t deadline, unsigned flags, const char *what)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (g->native)
		return timeout_wait((struct pollfd *)fds, n, deadline);
	vv__enter(g);
	if (only_urgent(fds, n)) {
		vv__leave(g);
		return wait_hopping(fds, n, deadline);
	}
	r = wait_inside(g, fds, n, deadline, flags, what, NULL);
	vv__leave(g);
	return r;
}

int vv__wait_fd(int *fd, short events, int64_t deadline, unsigned flags, const char *what)
{
	struct vv_greenlet *g = vv__me();
	struct pollfd p = {.fd = *fd, .events = events};
	int r;

	if (g->native || events & POLLPRI)
		return g->native ? timeout_wait(&p, 1, deadline) : wait_hopping(&p, 1, deadline);
	vv__enter(g);
	r = wait_inside(g, &p, 1, deadline, flags, what, fd);
	vv__leave(g);
	return r;
}

/* ---- closing ---- */

void vv__fd_done(int original, int fd)
{
	struct vv_greenlet *g = vv__me();
	struct fd *f;

	if (fd == original)
		return;
	if (!g->native)
		vv__enter(g);
	f = look(fd);
	if (f && f->refs)
		f->refs--;
	if (f)
		unref(f, fd);
	if (!g->native)
		vv__leave(g);
}

/* Calls of the public API do not go on for the old file: they are told, by a descriptor of -1. */
static void tell_api_waiters(struct fd *f)
{
	struct vv__fd_node *n = f->head;

	while (n) {
		if (!n->wait->api) {
			n = n->next;
			continue;
		}
		dequeue(f, n);
		n->fd = -1;
		wake(n->wait);
		n = f->head;
	}
}

/* Move the waits on fd to a private duplicate of the same file. */
static void keep_for_waiters(struct fd *f, int fd)
{
	int copy = vv__hub_dup(fd);
	struct fd *to = copy < 0 ? NULL : get(copy);
	struct vv__fd_node *n;

	if (!to)
		return;
	memset(to, 0, sizeof *to);
	to->private = true;
	while ((n = f->head)) {
		dequeue(f, n);
		n->fd = copy;
		add(n);
	}
}

static void forget(struct fd *f, int fd)
{
	tell_api_waiters(f);
	if (f->head)
		keep_for_waiters(f, fd);
	if (ev_is_active(&f->in) || ev_is_active(&f->out) || !f->dropped)
		vv__poller_drop(fd);
	vv__poller_stop(&f->in);
	vv__poller_stop(&f->out);
	f->dropped = true;
}

void vv__fd_closing(int fd)
{
	struct vv_greenlet *g;
	struct fd *f;

	if (!atomic_load_explicit(&vv__started, memory_order_relaxed) || vv__self->bystands)
		return;
	f = look(fd);
	if (!f || !f->seen || f->dropped || f->private)
		return;
	g = vv__me();
	if (g->native) {
		vv__poller_drop(fd); /* the hub's own records catch up at the next event or start */
		f->dropped = true;
		return;
	}
	vv__enter(g);
	if (f->seen && !f->dropped)
		forget(f, fd);
	vv__leave(g);
}

void vv__fd_closing_range(unsigned first, unsigned last)
{
	unsigned top = CHUNK * CHUNKS - 1;

	if (!chunks || !atomic_load_explicit(&vv__started, memory_order_relaxed) || vv__self->bystands)
		return;
	for (unsigned c = first / CHUNK; c <= (last < top ? last : top) / CHUNK; c++) {
		if (!chunks[c])
			continue;
		for (unsigned fd = c * CHUNK; fd < (c + 1) * CHUNK; fd++)
			if (fd >= first && fd <= last)
				vv__fd_closing(fd);
	}
}

/* The kernel says so: when the number is waited for again it may be another file. */
void vv__fd_not_open(int fd)
{
	struct fd *f = look(fd);

	if (f)
		f->dropped = true;
}

void vv__fd_forget_all(void)
{
	for (unsigned c = 0; chunks && c < CHUNKS; c++)
		if (chunks[c])
			memset(chunks[c], 0, CHUNK * sizeof **chunks);
}

/* ---- descriptors of our own ---- */

/*
 * A duplicate of ours under a number that the program will hardly use: beyond its soft limit where the hard one allows
 * (the limit is raised for the moment), so that even a program that opens all it can finds the numbers it expects.
 * Not too high: the kernel's table of descriptors, and what fork copies, is as long as the highest.
 */
int vv__hub_dup(int fd)
{
	enum { ROOM = 64, HIGH = 4096 };
	struct rlimit limit = {0, 0}, raised;
	long base, r;

	vv__syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	raised = (struct rlimit){limit.rlim_cur + ROOM, limit.rlim_max};
	if (limit.rlim_cur > HIGH) {
		r = vv__syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, HIGH);
		if (r != -EMFILE) /* the program has them all */
			return r;
	}
	if (raised.rlim_cur > limit.rlim_max) {
		base = limit.rlim_cur > 2 * ROOM ? limit.rlim_cur - ROOM : 3;
		return vv__syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, base);
	}
	vv__syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &raised, NULL);
	r = vv__syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, limit.rlim_cur);
	vv__syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
	return r;
}

/* Move fd to a high number with close-on-exec, out of the way of the program's. Returns the new number. */
int vv__hub_fd(int fd)
{
	int high = fd < 0 ? fd : vv__hub_dup(fd);

	if (high < 0)
		return fd;
	vv__syscall(SYS_close, fd);
	return high;
}

/* Our descriptors besides the hub's own two and the private duplicates: number, and where else that is kept. */
enum { OWNED = 64 };
static struct {
	_Atomic int fd;
	_Atomic int *where;
} owned[OWNED];
static _Atomic int lowest_owned = INT_MAX; /* ever */

void vv__fd_own(int fd, _Atomic int *where)
{
	int lowest = atomic_load(&lowest_owned), none;

	while (fd < lowest && !atomic_compare_exchange_weak(&lowest_owned, &lowest, fd))
		;
	for (int i = 0; i < OWNED; i++) {
		none = 0;
		if (atomic_compare_exchange_strong(&owned[i].fd, &none, fd)) {
			owned[i].where = where;
			atomic_store(where, fd);
			return;
		}
	}
	vv__syscall(SYS_close, fd);
}

static int find_owned(int fd)
{
	if (fd < atomic_load_explicit(&lowest_owned, memory_order_relaxed))
		return -1;
	for (int i = 0; i < OWNED; i++)
		if (atomic_load_explicit(&owned[i].fd, memory_order_relaxed) == fd)
			return i;
	return -1;
}

void vv__fd_disown(_Atomic int *where)
{
	int fd = atomic_exchange(where, 0), i;

	if (!fd)
		return;
	i = find_owned(fd);
	if (i >= 0)
		atomic_store(&owned[i].fd, 0);
	vv__syscall(SYS_close, fd);
}

/* In a forked child. */
void vv__fd_disown_all(void)
{
	for (int i = 0; i < OWNED; i++) {
		int fd = atomic_exchange(&owned[i].fd, 0);

		if (fd)
			vv__syscall(SYS_close, fd);
	}
}

static bool parents; /* some are: a process that shares our table lives on them */

/* In a child that shares its parent's descriptors: what is the parent's stays open, and out of the program's reach. */
void vv__fd_leave_all(void)
{
	static _Atomic int elsewhere;
	const int hubs[] = {vv__hub.poll_fd, vv__hub.wake_fd, vv__hub.clock_fd};

	for (int i = 0; i < OWNED; i++)
		owned[i].where = &elsewhere;
	for (int i = 0; i < 3; i++)
		if (hubs[i])
			vv__fd_own(hubs[i], &elsewhere);
	parents = true;
}

static bool is_report(int fd)
{
	return fd == vv__config.report_fd && fd > 2;
}

static bool is_hubs(int fd)
{
	return fd == vv__hub.poll_fd || fd == vv__hub.wake_fd || (fd > 0 && fd == vv__hub.clock_fd);
}

bool vv__fd_is_ours(int fd)
{
	struct fd *f;

	if (!atomic_load_explicit(&vv__started, memory_order_relaxed))
		return is_report(fd) || (parents && find_owned(fd) >= 0);
	f = look(fd);
	return is_hubs(fd) || (f && f->private) || is_report(fd) || find_owned(fd) >= 0;
}

static int lower(int a, int b, unsigned first)
{
	return b >= 0 && (unsigned)b >= first && (a < 0 || b < a) ? b : a;
}

int vv__fd_ours_from(unsigned first)
{
	int found = lower(-1, vv__config.report_fd > 2 ? vv__config.report_fd : -1, first);

	for (int i = 0, fd; i < OWNED; i++)
		if ((fd = atomic_load(&owned[i].fd)))
			found = lower(found, fd, first);
	if (!atomic_load_explicit(&vv__started, memory_order_relaxed))
		return found;
	found = lower(lower(found, vv__hub.poll_fd, first), vv__hub.wake_fd, first);
	found = lower(found, vv__hub.clock_fd > 0 ? vv__hub.clock_fd : -1, first);
	for (unsigned c = first / CHUNK; chunks && c < CHUNKS; c++)
		for (unsigned i = 0; chunks[c] && i < CHUNK; i++)
			if (chunks[c][i].private)
				found = lower(found, c * CHUNK + i, first);
	return found;
}

/* A private duplicate under another number, with the waits on it. Calls that still use it have lost it. */
static void move_private(struct fd *f, int fd)
{
	keep_for_waiters(f, fd);
	vv__poller_stop(&f->in);
	vv__poller_stop(&f->out);
	vv__poller_drop(fd);
	memset(f, 0, sizeof *f);
}

static void give_up(int fd)
{
	struct fd *f = look(fd);
	int i = find_owned(fd), moved;

	if (i >= 0) {
		moved = vv__hub_dup(fd);
		atomic_store(owned[i].where, moved > 0 ? moved : 0);
		atomic_store(&owned[i].fd, moved > 0 ? moved : 0);
	} else if (is_report(fd))
		vv__config.report_fd = vv__hub_dup(fd);
	else if (is_hubs(fd))
		vv__poller_give_up(&vv__hub, fd);
	else if (f && f->private)
		move_private(f, fd);
}

void vv__fd_give_up(int fd)
{
	struct vv_greenlet *g = vv__me();

	if (vv__likely(!vv__fd_is_ours(fd)) || vv__is_hub(g))
		return;
	if (!g->native)
		vv__enter(g);
	give_up(fd);
	if (!g->native)
		vv__leave(g);
}
