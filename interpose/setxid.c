/*
 * User and group ids. The kernel keeps them per kernel thread, POSIX per process, so libc makes every thread take the new
 * ones, by a signal. It knows threads by their control blocks, and a carrier's signal handler sees its greenlet's instead:
 * libc would signal for ever. Once there are carriers the broadcast is ours, to every kernel thread of the process.
 *
 * Protocol: the caller changes its own ids first (an error ends it there), then takes the lock, and for every thread in
 * /proc/self/task that is not yet on the list: puts it there and sends the signal; the handler makes the call and marks its
 * entry. It looks again until it finds nobody new: a thread that a thread just made has its creator's ids.
 *
 * Who calls past us (a symbol of libc's own handle, RTLD_DEEPBIND) gets libc's broadcast. Its signals come to our handler, too,
 * which has libc's answer them with the thread pointer that libc knows the kernel thread by.
 */
#include "interpose.h"
#include "signal.h"

#ifdef __x86_64__
#include <asm/prctl.h>
#endif
#include <dirent.h>
#include <grp.h>
#include <linux/futex.h>

enum { SIGSETXID = 33, MOST = 65536, PATIENCE_NS = 1000000 };

struct member {
	int tid;
	_Atomic int done; /* DID, MAY_NOT */
};

enum { DID = 1, MAY_NOT };

static struct {
	_Atomic int lock;
	long number, args[3];
	struct member *members;
	_Atomic int n;
} cmd;

/* ---- the other threads ---- */

typedef void (*handler)(int, siginfo_t *, void *);

static _Atomic(handler) libcs_handler;

static void set_thread_pointer(uintptr_t tp)
{
#ifdef __x86_64__
	if (vv__context_fast_tp)
		__asm__ volatile("wrfsbase %0" ::"r"(tp) : "memory");
	else
		vv__syscall(SYS_arch_prctl, ARCH_SET_FS, tp);
#else
	__asm__ volatile("msr tpidr_el0, %0" ::"r"(tp) : "memory");
#endif
}

static vv__slow void handle_for_libc(uintptr_t tp, int sig, siginfo_t *info, void *context)
{
	handler libcs = atomic_load(&libcs_handler);
	uintptr_t before = vv__thread_pointer();

	__asm__ volatile("" : "+r"(before)); /* the compiler may not read it later */
	set_thread_pointer(tp);
	libcs(sig, info, context);
	set_thread_pointer(before);
}

static void on_setxid(int sig, siginfo_t *info, void *context)
{
	int tid = vv__syscall(SYS_gettid);

	for (int i = atomic_load(&cmd.n) - 1; i >= 0; i--)
		if (cmd.members[i].tid == tid && !atomic_load(&cmd.members[i].done)) {
			long r = vv__syscall(cmd.number, cmd.args[0], cmd.args[1], cmd.args[2]);

			atomic_store(&cmd.members[i].done, r < 0 ? MAY_NOT : DID);
			vv__syscall(SYS_futex, &cmd.members[i].done, FUTEX_WAKE_PRIVATE, 1);
			return;
		}
	if (atomic_load(&libcs_handler))
		handle_for_libc(vv__kernel_thread_pointer(), sig, info, context);
}

/* libc has installed its own when it made the first thread. */
void vv__take_over_setxid(void)
{
	struct vv__kernel_action k = {.handler = NULL};
	handler now;

	vv__syscall(SYS_rt_sigaction, SIGSETXID, NULL, &k, sizeof k.mask);
	memcpy(&now, &k.handler, sizeof now); /* SA_SIGINFO */
	if (now == on_setxid)
		return;
	atomic_store(&libcs_handler, now);
	vv__raw_handler(SIGSETXID, on_setxid, SA_SIGINFO | SA_RESTART | SA_ONSTACK, ~0ull);
}

static bool known(int tid)
{
	for (int i = 0; i < atomic_load(&cmd.n); i++)
		if (cmd.members[i].tid == tid)
			return true;
	return false;
}

static void signal_thread(int pid, int tid)
{
	int n = atomic_load(&cmd.n);

	cmd.members[n].tid = tid;
	atomic_store(&cmd.members[n].done, 0);
	atomic_store(&cmd.n, n + 1);
	if (vv__syscall(SYS_tgkill, pid, tid, SIGSETXID) < 0)
		atomic_store(&cmd.members[n].done, DID);
}

/* Returns how many new threads there were. */
static int signal_new(int pid, int self)
{
	char entries[4096] __attribute__((aligned(8)));
	long fd = vv__syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int found = 0;

	while (fd >= 0 && (n = vv__syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
		for (long at = 0; at < n; at += ((struct dirent64 *)(entries + at))->d_reclen) {
			int tid = atoi(((struct dirent64 *)(entries + at))->d_name);

			if (tid <= 0 || tid == self || known(tid) || atomic_load(&cmd.n) == MOST)
				continue;
			signal_thread(pid, tid);
			found++;
		}
	}
	if (fd >= 0)
		vv__syscall(SYS_close, fd);
	return found;
}

/* False if the kernel refused it. */
static bool await(int pid, struct member *m)
{
	struct timespec patience = {0, PATIENCE_NS};

	while (!atomic_load(&m->done)) {
		vv__syscall(SYS_futex, &m->done, FUTEX_WAIT_PRIVATE, 0, &patience);
		if (vv__syscall(SYS_tgkill, pid, m->tid, 0) < 0)
			return true; /* it has ended */
	}
	return atomic_load(&m->done) == DID;
}

static void command(long number, long a, long b, long c)
{
	vv__take_over_setxid();
	if (!cmd.members)
		cmd.members = vv__pages(MOST * sizeof *cmd.members);
	if (!cmd.members)
		vv__die("out of memory while ids change");
	cmd.number = number;
	cmd.args[0] = a;
	cmd.args[1] = b;
	cmd.args[2] = c;
	atomic_store(&cmd.n, 0);
}

/* False if a thread was refused what the caller got: it had given itself other ids by system call. */
static bool broadcast(long number, long a, long b, long c)
{
	int pid = vv__syscall(SYS_getpid), self = vv__syscall(SYS_gettid), looked = 0;
	bool all = true;

	command(number, a, b, c);
	while (signal_new(pid, self))
		for (; looked < atomic_load(&cmd.n); looked++)
			all &= await(pid, &cmd.members[looked]);
	return all;
}

void vv__call_on(int tid, long number, long a, long b, long c)
{
	struct vv_greenlet *g = vv__me();
	int pid = vv__syscall(SYS_getpid);
	uint8_t inside = g->inside;

	g->inside = 1;
	vv__lock(&cmd.lock);
	command(number, a, b, c);
	signal_thread(pid, tid);
	await(pid, &cmd.members[0]);
	vv__unlock(&cmd.lock);
	g->inside = inside;
}

/* ---- the calls ---- */

static int change(long number, long a, long b, long c)
{
	struct vv_greenlet *g = vv__me();
	long r = vv__syscall(number, a, b, c);
	uint8_t inside = g->inside;
	bool all;

	if (r < 0)
		return vv__errno_return(r);
	g->inside = 1;
	vv__lock(&cmd.lock);
	all = broadcast(number, a, b, c);
	vv__unlock(&cmd.lock);
	g->inside = inside;
	if (!all)
		abort(); /* as libc does, rather than go on with privileges that should be gone */
	return 0;
}

/* Before there are carriers libc's own way is right. */
static bool only_libc(void)
{
	vv__me();
	return !atomic_load(&vv__started);
}

#define VV__SETXID(name, params, args, number, a, b, c)                                                      \
	VV_EXPORT int name params                                                                            \
	{                                                                                                    \
		if (only_libc())                                                                             \
			return REAL(name) args;                                                              \
		return change(number, (long)(a), (long)(b), (long)(c));                                      \
	}

VV__SETXID(setuid, (uid_t id), (id), SYS_setuid, id, 0, 0)
VV__SETXID(setgid, (gid_t id), (id), SYS_setgid, id, 0, 0)
VV__SETXID(setreuid, (uid_t r, uid_t e), (r, e), SYS_setreuid, r, e, 0)
VV__SETXID(setregid, (gid_t r, gid_t e), (r, e), SYS_setregid, r, e, 0)
VV__SETXID(setresuid, (uid_t r, uid_t e, uid_t s), (r, e, s), SYS_setresuid, r, e, s)
VV__SETXID(setresgid, (gid_t r, gid_t e, gid_t s), (r, e, s), SYS_setresgid, r, e, s)
VV__SETXID(setgroups, (size_t n, const gid_t *groups), (n, groups), SYS_setgroups, n, groups, 0)

VV_EXPORT int seteuid(uid_t id)
{
	if (only_libc() || id == (uid_t)-1)
		return REAL(seteuid)(id);
	return setresuid(-1, id, -1);
}

VV_EXPORT int setegid(gid_t id)
{
	if (only_libc() || id == (gid_t)-1)
		return REAL(setegid)(id);
	return setresgid(-1, id, -1);
}

VV_EXPORT int initgroups(const char *user, gid_t group)
{
	enum { LIMIT = 65536 }; /* the kernel's NGROUPS_MAX */
	gid_t *groups;
	int n = LIMIT, r = -1;

	if (only_libc())
		return REAL(initgroups)(user, group);
	groups = vv__pages(LIMIT * sizeof *groups);
	if (!groups)
		return vv__errno_return(-ENOMEM);
	if (getgrouplist(user, group, groups, &n) >= 0)
		r = setgroups(n, groups);
	vv__syscall(SYS_munmap, groups, LIMIT * sizeof *groups);
	return r;
}
