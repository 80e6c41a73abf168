/*
 * Waiting for children. A certain child: its pidfd becomes readable when it ends, so park on that and then make the
 * real call with WNOHANG: nobody's child is taken away from anybody. Any child, groups, stops: the real call on a
 * carrier. SIGCHLD is the program's alone.
 */
#include "detour.h"
#include "process.h"

/* What the kernel reports of a child that only ends: readable pidfd. Anything else it waits for by itself. */
static bool ends_only(int options)
{
	return !(options & ~(WNOHANG | WNOWAIT | WEXITED));
}

/* Out of the way of the program's numbers. Negative: there is no such child, or no room. */
static int open_pidfd(pid_t pid)
{
	int fd = vv__syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? fd : vv__hub_fd(fd);
}

static void close_pidfd(int fd)
{
	vv__fd_closing(fd);
	vv__syscall(SYS_close, fd);
}

/* A call of the family: `nohang` attempts it, the result 0 means nothing yet. */
struct attempt {
	pid_t pid;
	int *status;
	int options;
	struct rusage *usage;
	idtype_t type;
	siginfo_t *info;
	bool is_waitid;
};

static pid_t try_wait4(struct attempt *a, int extra)
{
	return REAL(wait4)(a->pid, a->status, a->options | extra, a->usage);
}

/* What the kernel writes, of an error too, and nothing else. */
static int give_info(siginfo_t *to, const siginfo_t *info)
{
	siginfo_t all;

	if (vv__copy_in(&all, to, sizeof all) < 0)
		return -EFAULT;
	all.si_signo = info->si_signo;
	all.si_errno = 0;
	all.si_code = info->si_code;
	all.si_pid = info->si_pid;
	all.si_uid = info->si_uid;
	all.si_status = info->si_status;
	return vv__copy_out(to, &all, sizeof all);
}

/* 1 found, 0 nothing yet, -1 error. */
static int try_waitid(struct attempt *a, int extra)
{
	siginfo_t info = {0};
	int r = REAL(waitid)(a->type, a->pid, &info, a->options | extra);

	if (r == 0 && !info.si_pid)
		return 0;
	if (a->info && give_info(a->info, &info) < 0) {
		errno = EFAULT;
		return -1;
	}
	return r ? r : 1;
}

static pid_t attempt(struct attempt *a, int extra)
{
	return a->is_waitid ? try_waitid(a, extra) : try_wait4(a, extra);
}

/* A slice's wait4, for any child: status and usage off its stack. */
static pid_t detour(struct vv__detour *d, struct attempt *a)
{
	int *status = vv__detour_room(d, sizeof *status);
	struct rusage *usage = vv__detour_room(d, sizeof *usage);
	pid_t r = (pid_t)vv__detour_run(d, REAL(wait4), a->pid, (long)status, a->options, (long)usage);

	if (r > 0 && a->status)
		*a->status = *status;
	if (r > 0 && a->usage)
		*a->usage = *usage;
	vv__detour_end(d);
	return r;
}

static pid_t hop(struct attempt *a)
{
	struct vv__detour *d = a->is_waitid ? NULL : vv__detour(sizeof(int) + sizeof(struct rusage) + 32);
	pid_t r;

	if (d)
		return detour(d, a);

	vv__hop();
	r = attempt(a, 0);
	vv__hop_back();
	return r;
}

/* Attempt until there is something, parked on pidfd in between. A child that ended goes before the signal it sent. */
static pid_t park(struct attempt *a, int pidfd)
{
	int before = errno, same = pidfd, w = 0;
	pid_t r;

	for (;;) {
		errno = before;
		r = attempt(a, WNOHANG);
		if (r || w < 0)
			break;
		w = vv__wait_fd(&same, POLLIN, VV__FOREVER, VV__EINTR | VV__RESTART | VV__CANCEL, "waitpid");
	}
	vv__fd_done(pidfd, same);
	if (r)
		return r;
	if (w == -ECANCELED)
		return -ECANCELED;
	errno = -w;
	return -1;
}

static pid_t wait_for(struct attempt *a, bool certain)
{
	int pidfd = -1;
	pid_t r = attempt(a, WNOHANG);

	if (r)
		return r;
	if (certain && ends_only(a->options))
		pidfd = open_pidfd(a->pid);
	if (pidfd < 0)
		return hop(a);
	r = park(a, pidfd);
	close_pidfd(pidfd);
	if (r == -ECANCELED)
		vv__cancel_now();
	return r;
}

VV_EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	struct attempt a = {.pid = pid, .status = status, .options = options, .usage = usage};

	if (vv__step_aside(vv__me(), process) || options & WNOHANG)
		return REAL(wait4)(pid, status, options, usage);
	return wait_for(&a, pid > 0);
}

VV_EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
	return wait4(pid, status, options, NULL);
}
VV_ALIAS(__waitpid, waitpid);

VV_EXPORT pid_t wait(int *status)
{
	return wait4(-1, status, 0, NULL);
}
VV_ALIAS(__wait, wait);

VV_EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
	return wait4(-1, status, options, usage);
}

/* The program's own pidfd: park on it, unless it is not to wait (PIDFD_NONBLOCK), which the real call says. */
static int wait_on_pidfd(struct attempt *a)
{
	long flags = vv__syscall(SYS_fcntl, a->pid, F_GETFL);
	int r;

	if (flags < 0 || flags & O_NONBLOCK)
		return attempt(a, 0);
	r = ends_only(a->options) ? park(a, a->pid) : hop(a);
	if (r == -ECANCELED)
		vv__cancel_now();
	return r;
}

VV_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct attempt a = {
	    .type = type, .pid = (pid_t)id, .info = info, .options = options, .is_waitid = true};
	int r;

	if (vv__step_aside(vv__me(), process) || options & WNOHANG)
		return REAL(waitid)(type, id, info, options);
	r = type == P_PIDFD ? wait_on_pidfd(&a) : wait_for(&a, type == P_PID);
	return r > 0 ? 0 : r;
}
