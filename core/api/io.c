/*
 * Waiting for descriptors, blocking calls on a carrier, signals as callbacks, what is patched.
 */
#include "api.h"

#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

/* ---- descriptors ---- */

static int wait_fd(int fd, short events, int64_t timeout_ns)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t deadline = vv__deadline(timeout_ns);
	struct vv_greenlet *me = vv__begin();
	struct vv__life *l = me->user;
	bool allowed = !me->is_hub && !(l && l->no_block);
	int r, waited = fd;

	vv__end(me);
	r = (int)vv__poll_once(&p, 1);
	if (r < 0 || p.revents & POLLNVAL)
		return r < 0 ? r : -EBADF;
	if (r > 0)
		return 0;
	if (deadline == 0 || !allowed)
		return allowed ? -EAGAIN : -EPERM;
	r = vv__wait_fd(&waited, events, deadline, VV__CANCEL | VV__API, "descriptor");
	if (r == 0 && waited != fd) {
		vv__fd_done(fd, waited);
		r = -EBADF;
	}
	vv__begin();
	return vv__finish(me, r == -EPERM ? 0 : r);
}

API int vv_wait_read(int fd, int64_t timeout_ns)
{
	return wait_fd(fd, POLLIN, timeout_ns);
}

API int vv_wait_write(int fd, int64_t timeout_ns)
{
	return wait_fd(fd, POLLOUT, timeout_ns);
}

API int vv_wait_any(struct pollfd *fds, unsigned n, int64_t timeout_ns)
{
	int64_t deadline = vv__deadline(timeout_ns);
	struct vv_greenlet *me;
	int found, r = 0;

	for (;;) {
		found = (int)vv__poll_once(fds, n);
		if (found || deadline == 0)
			return found ? found : -EAGAIN;
		me = vv__begin();
		vv__end(me);
		r = vv__wait_fds(fds, n, deadline, VV__CANCEL | VV__API, "descriptors");
		if (r == 0)
			continue;
		vv__begin();
		return vv__finish(me, r);
	}
}

/* ---- blocking calls ---- */

API void *vv_blocking(void *(*fn)(void *), void *arg)
{
	struct vv_greenlet *me = vv__begin();
	void *value;

	vv__end(me);
	vv__hop();
	value = fn(arg);
	vv__hop_back();
	return value;
}

/* ---- signals ---- */

enum { SIGNALS = 65 };

static struct watched {
	void (*fn)(int, void *);
	void *arg;
	_Atomic int seen;
	struct vv_greenlet *g;
} watched[SIGNALS];

static void handler(int number)
{
	atomic_fetch_add(&watched[number].seen, 1);
	vv__wake(&watched[number], 1);
}

static bool none_seen(void *signal)
{
	return atomic_load(&((struct watched *)signal)->seen) == 0;
}

static void *call_back(void *signal)
{
	struct watched *w = signal;
	struct vv__park p = {.key = w,
	    .deadline = VV__FOREVER,
	    .flags = VV__CANCEL | VV__API,
	    .what = "signal",
	    .valid = none_seen,
	    .arg = w};
	int r;

	for (;;) {
		while (atomic_load(&w->seen)) {
			atomic_fetch_sub(&w->seen, 1);
			w->fn((int)(w - watched), w->arg);
		}
		r = vv__park_on(&p);
		vv__begin();
		vv__finish(vv__self, r);
	}
	return NULL;
}

API int vv_signal(int number, void (*fn)(int, void *), void *arg)
{
	struct sigaction action = {.sa_flags = SA_RESTART};
	struct watched *w;

	if (number < 1 || number >= SIGNALS)
		return -EINVAL;
	w = &watched[number];
	if (w->g) {
		vv_kill(w->g, VV_FOREVER);
		vv_greenlet_free(w->g);
		w->g = NULL;
	}
	action.sa_handler = fn ? handler : SIG_DFL;
	w->fn = fn;
	w->arg = arg;
	if (fn && !(w->g = vv_spawn(call_back, w)))
		return -ENOMEM;
	return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

/* ---- what is patched ---- */

API int vv_patched(const char *family)
{
	return vv__hooks.patched ? vv__hooks.patched(family) : -ENOSYS;
}
