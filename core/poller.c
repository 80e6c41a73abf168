/*
 * The one place that knows libev. It is opened when the hub starts, privately (RTLD_LOCAL | RTLD_DEEPBIND), so that
 * neither a program's own ev_* symbols nor our interposers come between libev and libc. Three of its imports are
 * rebound to functions of ours: epoll_create1 and epoll_ctl, because the hub's descriptor must not take a low number that the
 * program expects for itself, and epoll_wait, because libev sleeps in whole milliseconds and our deadlines are in
 * nanoseconds. If the program has libev loaded itself the copy is shared and its own loops pass through untouched.
 */
#include "fdwatch.h"
#include "hub.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

static struct {
	struct ev_loop *(*loop_new)(unsigned);
	void (*loop_destroy)(struct ev_loop *);
	int (*run)(struct ev_loop *, int);
	void (*io_start)(struct ev_loop *, ev_io *);
	void (*io_stop)(struct ev_loop *, ev_io *);
	void (*set_allocator)(void *(*)(void *, long));
} ev;

static struct ev_loop *loop;
static ev_io wake_watcher, clock_watcher;
static bool creating;
/* what libev takes the epoll descriptor's number to be: vv__hub.poll_fd, unless that has moved */
static int known_fd;

/* ---- libev's memory ---- */

static void *ev_memory(void *old, long size)
{
	enum { HEADER = 16 };
	size_t *h = old ? (size_t *)((char *)old - HEADER) : NULL;
	char *fresh = NULL;

	if (size) {
		fresh = vv__pages(size + HEADER);
		if (!fresh)
			return NULL;
		*(size_t *)fresh = size + HEADER;
		fresh += HEADER;
		if (old)
			memcpy(fresh, old, *h - HEADER < (size_t)size ? *h - HEADER : (size_t)size);
	}
	if (old)
		vv__syscall(SYS_munmap, h, *h);
	return fresh;
}

/* ---- rebinding some of libev's imports ---- */

static int (*libc_epoll_wait)(int, struct epoll_event *, int, int);
static int (*libc_epoll_ctl)(int, int, int, struct epoll_event *);
static int (*libc_epoll_create1)(int);

static int high_epoll_create1(int flags)
{
	int fd;

	if (!creating && !vv__is_hub(vv__me()))
		return libc_epoll_create1(flags);
	fd = vv__syscall(SYS_epoll_create1, flags);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	known_fd = vv__hub.poll_fd = vv__hub_fd(fd);
	return known_fd;
}

static bool is_hubs(int fd)
{
	return fd == known_fd && (creating || vv__is_hub(vv__me()));
}

/* A descriptor that was closed behind our back would end libev in an assertion, as would an epoll descriptor of the
 * program's that holds too many others; as one that cannot be polled it is ready at once, and whoever waits for it
 * learns EBADF from the call, or hops. */
static int moving_epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
	bool ours = is_hubs(ep);
	struct epoll_event also;
	int r;

	if (ours && op != EPOLL_CTL_DEL && event->events & EPOLLIN && vv__fd_takes_urgent(fd)) {
		also = (struct epoll_event){.events = event->events | EPOLLPRI, .data = event->data};
		event = &also;
	}
	r = libc_epoll_ctl(ours ? vv__hub.poll_fd : ep, op, fd, event);
	if (r < 0 && ours && errno == EBADF)
		vv__fd_not_open(fd);
	if (r < 0 && ours && (errno == EBADF || errno == ELOOP || errno == EINVAL))
		errno = EPERM;
	return r;
}

enum {
	DOUBT_NS = 1000000000,
	/* events at once: what the kernel touched for the first is still in its cache when it is read */
	BATCH = 32,
};

static int64_t sleep_time(struct vv__hub *h)
{
	int64_t earliest = vv__heap_earliest(&h->heap), now;

	if (earliest == VV__FOREVER)
		return h->doubt ? DOUBT_NS : VV__FOREVER;
	now = vv__now();
	return earliest <= now ? 0 : earliest - now;
}

static void look_at_urgent(struct epoll_event *e)
{
	struct epoll_event less = {.data = e->data};
	int fd = vv__fd_of_event(e);
	uint32_t wanted;

	if (vv__fd_urgent(fd, &wanted)) {
		e->events |= EPOLLIN;
		return;
	}
	less.events = wanted;
	libc_epoll_ctl(vv__hub.poll_fd, EPOLL_CTL_MOD, fd, &less);
}

static int precise_epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	int64_t ns;
	struct timespec ts;
	long r;

	if (!is_hubs(fd))
		return libc_epoll_wait(fd, events, n, timeout);
	fd = vv__hub.poll_fd;
	ns = timeout == 0 ? 0 : sleep_time(&vv__hub);
	ts = (struct timespec){ns / 1000000000, ns % 1000000000};
	n = n < BATCH ? n : BATCH;
	r = vv__syscall(SYS_epoll_pwait2, fd, events, n, ns == VV__FOREVER ? NULL : &ts, NULL, 0);
	if (r == -ENOSYS)
		r = vv__syscall(SYS_epoll_pwait, fd, events, n,
		    ns == VV__FOREVER ? -1 : (ns + 999999) / 1000000, NULL, 0);
	if (r == 0 && ns == DOUBT_NS)
		vv__hub.doubt = false;
	for (long i = 0; i < r; i++)
		if (vv__unlikely(events[i].events & EPOLLPRI))
			look_at_urgent(&events[i]);
	if (r > 1)
		vv__fd_fetch_ahead(events, r);
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

static void rebind(void **slot, const char *name)
{
	void *ours = NULL;
	uintptr_t page = (uintptr_t)slot & ~(uintptr_t)4095;

	if (!strcmp(name, "epoll_wait"))
		ours = precise_epoll_wait;
	else if (!strcmp(name, "epoll_create1"))
		ours = high_epoll_create1;
	else if (!strcmp(name, "epoll_ctl"))
		ours = moving_epoll_ctl;
	if (!ours || *slot == ours)
		return;
	mprotect((void *)page, 8192, PROT_READ | PROT_WRITE);
	*slot = ours;
}

static void rebind_all(struct link_map *map)
{
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;
	const ElfW(Rela) *slots = NULL;
	size_t size = 0;

	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			names = (const char *)d->d_un.d_ptr;
		else if (d->d_tag == DT_JMPREL)
			slots = (const ElfW(Rela) *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			size = d->d_un.d_val;
	}
	if (!symbols || !names || !slots)
		return;
	for (size_t i = 0; i < size / sizeof *slots; i++)
		rebind((void **)(map->l_addr + slots[i].r_offset),
		    names + symbols[ELF64_R_SYM(slots[i].r_info)].st_name);
}

/*
 * A program that uses libev, too, has the same library in memory, and may give it an allocator of its own (gevent's takes
 * Python's lock). The hub must not run that: each side's loops live in that side's memory.
 */
typedef void *(*allocator)(void *, long);

static _Atomic(allocator) programs_allocator;

static void *memory_by_caller(void *old, long size)
{
	struct vv_greenlet *g = vv__self;
	allocator programs = atomic_load(&programs_allocator);

	if (creating || (g && (g->is_hub || g->inside)))
		return ev_memory(old, size);
	if (programs)
		return programs(old, size);
	if (size)
		return realloc(old, size);
	free(old);
	return NULL;
}

__attribute__((visibility("default"))) void ev_set_allocator(allocator programs)
{
	void *lib = dlopen("libev.so.4", RTLD_NOLOAD | RTLD_NOW);
	void (*set)(allocator) = lib ? (void (*)(allocator))dlsym(lib, "ev_set_allocator") : NULL;

	atomic_store(&programs_allocator, programs);
	if (set)
		set(memory_by_caller);
	if (lib)
		dlclose(lib);
}

static bool open_libev(void)
{
	/* AddressSanitizer ends a program that binds deeply; its own functions come before the program's then. */
	int deep = dlsym(RTLD_DEFAULT, "__asan_init") ? 0 : RTLD_DEEPBIND;
	void *lib = dlopen("libev.so.4", RTLD_NOW | RTLD_LOCAL | deep);
	struct link_map *map;

	if (!lib || dlinfo(lib, RTLD_DI_LINKMAP, &map) != 0)
		return false;
	*(void **)&ev.loop_new = dlsym(lib, "ev_loop_new");
	*(void **)&ev.loop_destroy = dlsym(lib, "ev_loop_destroy");
	*(void **)&ev.run = dlsym(lib, "ev_run");
	*(void **)&ev.io_start = dlsym(lib, "ev_io_start");
	*(void **)&ev.io_stop = dlsym(lib, "ev_io_stop");
	*(void **)&ev.set_allocator = dlsym(lib, "ev_set_allocator");
	*(void **)&libc_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
	*(void **)&libc_epoll_ctl = dlsym(RTLD_NEXT, "epoll_ctl");
	*(void **)&libc_epoll_create1 = dlsym(RTLD_NEXT, "epoll_create1");
	if (!ev.loop_new || !ev.run || !ev.io_start || !ev.io_stop || !ev.loop_destroy)
		return false;
	rebind_all(map);
	if (ev.set_allocator)
		ev.set_allocator(memory_by_caller);
	return true;
}

/* ---- the loop ---- */

static void woken(struct ev_loop *l, ev_io *w, int events)
{
	uint64_t count;

	vv__syscall(SYS_read, w->fd, &count, sizeof count);
}

/* ECANCELED says that the clock was set, an expiry that it was set beyond all that anybody waits for. */
static void clock_set(struct ev_loop *l, ev_io *w, int events)
{
	uint64_t count;

	vv__syscall(SYS_read, w->fd, &count, sizeof count);
	vv__wall_moved(&vv__hub);
}

void vv__poller_watch_clock(struct vv__hub *h)
{
	struct itimerspec never = {.it_value.tv_sec = INT64_MAX / 2000000000};
	long fd = vv__syscall(SYS_timerfd_create, CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return;
	h->clock_fd = vv__hub_fd(fd);
	vv__syscall(
	    SYS_timerfd_settime, h->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
	ev_io_init(&clock_watcher, clock_set, h->clock_fd, EV_READ);
	ev.io_start(loop, &clock_watcher);
}

/* libev reckons in doubles. The flags that this raises are not for the thread that makes the second one. */
#ifdef __x86_64__
#define float_flags() __builtin_ia32_stmxcsr()
#define set_float_flags(flags) __builtin_ia32_ldmxcsr(flags)
#else
#define float_flags() __builtin_aarch64_get_fpsr()
#define set_float_flags(flags) __builtin_aarch64_set_fpsr(flags)
#endif

int vv__poller_open(struct vv__hub *h)
{
	unsigned flags = float_flags();
	int fd;

	if (!ev.loop_new && !open_libev())
		return -ENOENT;
	fd = vv__syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return fd;
	creating = true;
	loop = ev.loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOTIMERFD);
	creating = false;
	set_float_flags(flags);
	if (!loop) {
		vv__syscall(SYS_close, fd);
		return -ENOMEM;
	}
	h->wake_fd = vv__hub_fd(fd);
	ev_io_init(&wake_watcher, woken, h->wake_fd, EV_READ);
	creating = true;
	ev.io_start(loop, &wake_watcher);
	creating = false;
	return 0;
}

/* In a forked child: the descriptors are closed, the loop is left where it lies (its memory is not shared). */
void vv__poller_forget(struct vv__hub *h, bool closes)
{
	if (closes) {
		vv__syscall(SYS_close, h->poll_fd);
		vv__syscall(SYS_close, h->wake_fd);
	}
	if (closes && h->clock_fd)
		vv__syscall(SYS_close, h->clock_fd);
	loop = NULL;
}

/* The program wants a number that is ours. Inside. */
void vv__poller_give_up(struct vv__hub *h, int fd)
{
	bool is_clock = fd == h->clock_fd;
	ev_io *w = is_clock ? &clock_watcher : &wake_watcher;
	int moved = vv__hub_dup(fd);

	if (moved < 0)
		return;
	if (fd == h->poll_fd) {
		h->poll_fd = moved;
		return;
	}
	vv__poller_stop(w);
	vv__poller_drop(fd);
	*(is_clock ? &h->clock_fd : &h->wake_fd) = moved;
	ev_io_set(w, moved, EV_READ);
	vv__poller_start(w);
}

void vv__poller_run(bool block)
{
	ev.run(loop, block ? EVRUN_ONCE : EVRUN_NOWAIT);
}

void vv__poller_start(ev_io *w)
{
	ev.io_start(loop, w);
}

void vv__poller_stop(ev_io *w)
{
	ev.io_stop(loop, w);
}

void vv__poller_drop(int fd)
{
	struct epoll_event none = {.events = 0};

	vv__syscall(SYS_epoll_ctl, vv__hub.poll_fd, EPOLL_CTL_DEL, fd, &none);
}
