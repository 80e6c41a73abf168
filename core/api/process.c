/*
 * Subprocesses. A child's end is seen through a descriptor for it (pidfd), its output through pipes; both are waited for
 * as any descriptor. The kernel is called directly where the program may not have libc's calls patched.
 */
#include "api.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct vv_process {
	struct vv__object object;
	pid_t pid;
	int pidfd, ends[3]; /* our ends of its pipes, or -1 */
	int status;
	bool reaped;
};

static struct vv__slab processes = {.size = sizeof(struct vv_process)};
extern char **environ;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- starting ---- */

struct pipes {
	int ours[3], its[3];
};

static int make_pipes(struct pipes *p, unsigned flags)
{
	for (int i = 0; i < 3; i++)
		p->ours[i] = p->its[i] = -1;
	for (int i = 0; i < 3; i++) {
		int both[2];

		if (!(flags & 1u << i))
			continue;
		if (pipe2(both, O_CLOEXEC) < 0)
			return -errno;
		p->ours[i] = both[i == 0];
		p->its[i] = both[i != 0];
		fcntl(p->ours[i], F_SETFL, fcntl(p->ours[i], F_GETFL) | O_NONBLOCK);
	}
	return 0;
}

static void close_pipes(int *fds)
{
	for (int i = 0; i < 3; i++)
		close_fd(&fds[i]);
}

static int spawn_child(struct vv_process *p, char *const argv[], const struct pipes *pipes, unsigned flags)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	for (int i = 0; i < 3 && !r; i++)
		if (pipes->its[i] >= 0)
			r = posix_spawn_file_actions_adddup2(&actions, pipes->its[i], i);
	if (!r && flags & VV_STDERR_TO_STDOUT)
		r = posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (!r)
		r = posix_spawnp(&p->pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return -r;
	p->pidfd = (int)vv__syscall(SYS_pidfd_open, p->pid, 0);
	return p->pidfd < 0 ? p->pidfd : 0;
}

API struct vv_process *vv_process_spawn(char *const argv[], unsigned flags)
{
	struct vv_process *p = vv__new(&processes, VV__T_PROCESS);
	struct pipes pipes;
	int r;

	if (!p)
		return NULL;
	p->pidfd = -1;
	r = make_pipes(&pipes, flags);
	if (r == 0)
		r = spawn_child(p, argv, &pipes, flags);
	close_pipes(pipes.its);
	memcpy(p->ends, pipes.ours, sizeof p->ends);
	if (r == 0)
		return p;
	p->reaped = true;
	vv_process_free(p);
	errno = -r;
	return NULL;
}

API struct vv_process *vv_process_shell(const char *command, unsigned flags)
{
	char *const argv[] = {"/bin/sh", "-c", (char *)command, NULL};

	return vv_process_spawn(argv, flags);
}

/* ---- state ---- */

API int vv_process_pid(struct vv_process *p)
{
	return vv__is(p, VV__T_PROCESS) ? p->pid : -EBADF;
}

API int vv_process_fd(struct vv_process *p, int number)
{
	return vv__is(p, VV__T_PROCESS) && number >= 0 && number < 3 ? p->ends[number] : -EBADF;
}

/* The raw call: 0 if it has ended and p->status is set, -EAGAIN if it runs. */
static int reap(struct vv_process *p)
{
	siginfo_t info = {.si_pid = 0};
	long r;

	if (p->reaped)
		return 0;
	r = vv__syscall(SYS_waitid, P_PID, p->pid, &info, WEXITED | WNOHANG, NULL);
	if (r < 0)
		return (int)r;
	if (!info.si_pid)
		return -EAGAIN;
	p->reaped = true;
	p->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
	return 0;
}

API int vv_process_wait(struct vv_process *p, int *status, int64_t timeout_ns)
{
	int r;

	if (!vv__is(p, VV__T_PROCESS))
		return -EBADF;
	r = reap(p);
	if (r == -EAGAIN && timeout_ns > 0) {
		r = vv_wait_read(p->pidfd, timeout_ns);
		if (r == 0)
			r = reap(p);
	}
	if (r == 0 && status)
		*status = p->status;
	return r;
}

API int vv_process_kill(struct vv_process *p, int signal)
{
	if (!vv__is(p, VV__T_PROCESS))
		return -EBADF;
	if (p->reaped)
		return -ESRCH;
	return (int)vv__syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0);
}

API int vv_process_free(struct vv_process *p)
{
	struct vv_greenlet *me;

	if (!vv__is(p, VV__T_PROCESS))
		return p ? -EBADF : 0;
	close_pipes(p->ends);
	close_fd(&p->pidfd);
	me = vv__begin();
	vv__retire(&p->object);
	return vv__finish(me, 0);
}

/* ---- talking to it ---- */

struct text {
	char *at;
	size_t n, room;
};

static int grow(struct text *t)
{
	size_t room = t->room ? 2 * t->room : 4096;
	char *at = realloc(t->at, room);

	if (!at)
		return -ENOMEM;
	t->at = at;
	t->room = room;
	return 0;
}

/* Read what is there. 1 at the end, 0 if there may be more. */
static int drain(int fd, struct text *t)
{
	long n;

	for (;;) {
		if (t->room - t->n < 2 && grow(t) < 0)
			return -ENOMEM;
		n = vv__syscall(SYS_read, fd, t->at + t->n, t->room - t->n - 1);
		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n <= 0)
			return n < 0 ? (int)n : 1;
		t->n += n;
	}
}

/* The child may have closed its input: that ends the writing, but is no error; the signal for it is held back. */
static long write_quietly(int fd, const char *data, size_t n)
{
	uint64_t pipe = 1ul << (SIGPIPE - 1), before = 0;
	struct timespec none = {0, 0};
	long r;

	vv__syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &before, sizeof pipe);
	r = vv__syscall(SYS_write, fd, data, n);
	if (r == -EPIPE && !(before & pipe))
		vv__syscall(SYS_rt_sigtimedwait, &pipe, NULL, &none, sizeof pipe);
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	return r;
}

struct talk {
	struct vv_process *p;
	const char *input;
	size_t left;
	struct text text[3];
};

static int serve(struct talk *t, int i)
{
	int *fd = &t->p->ends[i];
	long n;

	if (i) {
		n = drain(*fd, &t->text[i]);
	} else {
		n = t->left ? write_quietly(*fd, t->input, t->left) : 0;
		n = n == -EAGAIN || n == -EINTR ? 0 : n;
		t->input += n > 0 ? n : 0;
		t->left -= n > 0 ? n : 0;
		n = n == -EPIPE || !t->left ? 1 : n < 0 ? n : 0;
	}
	if (n == 1)
		close_fd(fd);
	return n < 0 ? (int)n : 0;
}

static int talk(struct talk *t, int64_t deadline)
{
	struct pollfd fds[3];
	int64_t left;
	int r;

	for (;;) {
		for (int i = 0; i < 3; i++)
			fds[i] = (struct pollfd){.fd = t->p->ends[i], .events = i ? POLLIN : POLLOUT};
		if (fds[0].fd < 0 && fds[1].fd < 0 && fds[2].fd < 0)
			return 0;
		left = deadline == VV__FOREVER ? VV_FOREVER : deadline - vv__now();
		r = vv_wait_any(fds, 3, left > 0 ? left : 0);
		if (r < 0)
			return r == -EAGAIN ? -ETIMEDOUT : r;
		for (int i = 0; i < 3; i++)
			if (fds[i].fd >= 0 && fds[i].revents && (r = serve(t, i)) < 0)
				return r;
	}
}

static void hand_over(struct text *t, char **to, size_t *n)
{
	if (t->at)
		t->at[t->n] = 0;
	if (n)
		*n = t->n;
	if (to)
		*to = t->at;
	else
		free(t->at);
}

static void forget_texts(void *talk)
{
	struct talk *t = talk;

	free(t->text[1].at);
	free(t->text[2].at);
}

API int vv_process_communicate(struct vv_process *p, const void *input, size_t size, char **out,
    size_t *out_size, char **err, size_t *err_size, int *status, int64_t timeout_ns)
{
	int64_t deadline = vv__deadline(timeout_ns);
	struct talk t = {.p = p, .input = input, .left = size};
	int64_t left;
	int r;

	if (!vv__is(p, VV__T_PROCESS))
		return -EBADF;
	pthread_cleanup_push(forget_texts, &t);
	r = talk(&t, deadline);
	left = deadline == VV__FOREVER ? VV_FOREVER : deadline - vv__now();
	if (r == 0)
		r = vv_process_wait(p, status, left > 0 ? left : 1);
	pthread_cleanup_pop(0);
	hand_over(&t.text[1], out, out_size);
	hand_over(&t.text[2], err, err_size);
	return r;
}
