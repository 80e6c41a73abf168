/*
 * Reports with backtraces: the process has the vervet command look at it from outside (see/). Called where the cause is
 * noticed: by the hub, the monitor, a signal handler; allocates nothing and makes raw system calls only.
 *
 * The command is a grandchild that nobody in the program hears of: the child between has no exit signal, is waited for
 * here by its number, and is gone before the command ends. Child and grandchild share our memory until the one ends and
 * the other executes, so nothing is copied however large the process is; the caller's kernel thread stands still
 * meanwhile, about a millisecond. A process that adopts orphans would hear of the command: it is left alone.
 */
#include "hub.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { WORDS = 12, OLD_NS = 1000000000, CHAIN = 64, NAMED = 32 };

static volatile long command_pid;

/* The library's directory, "/vervet" or "/../bin/vervet". */
static void execute(const char *place, char *const *argv)
{
	static char *const environment[] = {NULL};
	char path[PATH_MAX + 32];
	size_t n = strlen(vv__config.directory);

	memcpy(path, vv__config.directory, n);
	memcpy(path + n, place, strlen(place) + 1);
	vv__syscall(SYS_execve, path, argv, environment);
}

/* Never inlined, never to return: it runs on the caller's stack while the caller stands still. */
static __attribute__((noinline, noreturn)) void grandchild(char *const *argv)
{
	long null = vv__syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);

	command_pid = vv__syscall(SYS_getpid);
	vv__syscall(SYS_dup3, vv__config.report_fd, 1, 0);
	vv__syscall(SYS_dup3, vv__config.report_fd, 2, 0);
	if (null > 0)
		vv__syscall(SYS_dup3, null, 0, 0);
	vv__syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_UNSHARE);
	execute("/vervet", argv);
	execute("/../bin/vervet", argv);
	command_pid = 0;
	for (;;)
		vv__syscall(SYS_exit, 127);
}

static __attribute__((noinline, noreturn)) void child(char *const *argv)
{
	if (vv__syscall(SYS_clone, CLONE_VM | CLONE_VFORK, 0) == 0)
		grandchild(argv);
	for (;;)
		vv__syscall(SYS_exit, 0);
}

static bool adopts_orphans(void)
{
	int subreaper = 0;

	vv__syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &subreaper);
	return subreaper || vv__syscall(SYS_getpid) == 1;
}

static __attribute__((noinline)) void start_command(char *const *argv)
{
	uint64_t every = ~0ul, before;
	long pid;

	command_pid = 0;
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, &before, sizeof every);
	pid = vv__syscall(SYS_clone, CLONE_VM | CLONE_VFORK, 0);
	if (pid == 0)
		child(argv);
	while (pid > 0 && vv__syscall(SYS_wait4, pid, NULL, __WALL, NULL) == -EINTR)
		;
	if (command_pid) /* where only parents may look at a process, as Yama has it */
		vv__syscall(SYS_prctl, PR_SET_PTRACER, command_pid);
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

/* Have `vervet <words> PID` write to where reports go. Returns its process id, 0 if that cannot be. */
long vv__report_by_command(const char *const *words)
{
	static _Atomic int busy;
	char *argv[WORDS + 3] = {"vervet"}, pid[24];
	int n = 1, idle = 0;
	long command;

	if (!vv__config.directory[0] || adopts_orphans() || !atomic_compare_exchange_strong(&busy, &idle, 1))
		return 0;
	vv__put_decimal(pid, vv__syscall(SYS_getpid));
	while (n <= WORDS && words[n - 1]) {
		argv[n] = (char *)words[n - 1];
		n++;
	}
	argv[n] = pid;
	start_command(argv);
	command = command_pid;
	atomic_store(&busy, 0);
	return command;
}

void vv__report_await(long pid)
{
	long fd = vv__syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = (int)fd, .events = POLLIN};
	struct timespec patience = {60, 0};

	if (fd < 0)
		return;
	vv__syscall(SYS_ppoll, &p, 1, &patience, NULL, 8);
	vv__syscall(SYS_close, fd);
}

/* ---- deadlocks among some, while others go on ---- */

/* Memory of the program that may be gone when we look. */
static bool peek(const void *at, void *to, size_t n)
{
	struct {
		const void *at;
		size_t n;
	} local = {to, n}, remote = {at, n};

	return vv__syscall(SYS_process_vm_readv, vv__syscall(SYS_getpid), &local, 1, &remote, 1, 0) ==
	       (long)n;
}

/* The greenlet that holds the mutex for which g waits, or null. */
static struct vv_greenlet *holder(struct vv_greenlet *g)
{
	struct vv__wait *w = g->wait;
	pthread_mutex_t m;

	if (!w || atomic_load(&w->state) != VV__QUEUED || w->kind != VV__WAIT_ADDRESS || !w->what ||
	    strcmp(w->what, "mutex") || w->deadline != VV__FOREVER || !peek(w->key, &m, sizeof m))
		return NULL;
	return m.__data.__owner ? vv__of_tid(m.__data.__owner) : NULL;
}

struct oldest {
	struct vv_greenlet *g;
	int64_t since, after;
	bool any;
};

static int note_oldest(struct vv_greenlet *g, void *arg)
{
	struct vv__wait *w = g->wait;
	struct oldest *o = arg;

	if (!w || w->kind != VV__WAIT_ADDRESS || !w->what || atomic_load(&w->state) != VV__QUEUED ||
	    strcmp(w->what, "mutex"))
		return 0;
	o->any = true;
	if (w->since > o->after && w->since < o->since) {
		o->since = w->since;
		o->g = g;
	}
	return 0;
}

/* The lowest number in the circle that begins and ends at g, or 0: there is none. */
static uint64_t circle(struct vv_greenlet *g)
{
	struct vv_greenlet *other = holder(g);
	uint64_t lowest = g->id;

	for (int i = 0; other && other != g && i < CHAIN; i++) {
		lowest = other->id < lowest ? other->id : lowest;
		other = holder(other);
	}
	return other == g ? lowest : 0;
}

static bool is_new(uint64_t id)
{
	static uint64_t named[NAMED];
	static int n;

	for (int i = 0; i < NAMED; i++)
		if (named[i] == id)
			return false;
	named[n++ % NAMED] = id;
	return true;
}

/*
 * On the monitor, now and then: looks at those that have waited longest for a mutex, which a deadlock's members will be
 * before long. Returns whether anybody waits for a mutex at all.
 */
bool vv__report_deadlocks(void)
{
	static const char *const words[] = {"dump", "--deadlocks", "--report=deadlock", NULL};
	struct oldest o = {.after = 0};
	int64_t old = vv__now() - OLD_NS;

	if (vv__config.quiet)
		return false;
	if (vv__hub.doubt || vv__hub.blocked_reported)
		return !vv__hub.blocked_reported; /* all of them wait: the hub's own to say */
	for (int i = 0; i < 4; i++) {
		uint64_t id;

		o.g = NULL;
		o.since = old;
		vv__each(note_oldest, &o);
		if (!o.g)
			break;
		id = circle(o.g);
		if (id && is_new(id)) {
			vv__log("deadlock: greenlet %lu and others wait for each other's mutexes", id);
			vv__report_by_command(words);
		}
		o.after = o.since;
	}
	return o.any;
}

/* ---- other causes ---- */

/* Once for each greenlet, and not for more than NAMED of them. On the monitor. */
void vv__report_stall(struct vv_greenlet *g, int64_t ns)
{
	static uint64_t named[NAMED];
	static int n;
	char which[40] = "--greenlet=";
	const char *const words[] = {"dump", "--running", which, "--report=the one that stalls", NULL};

	if (vv__config.quiet || n == NAMED)
		return;
	for (int i = 0; i < n; i++)
		if (named[i] == g->id)
			return;
	named[n++] = g->id;
	vv__put_decimal(which + strlen(which), g->id);
	vv__log("stalled: greenlet %lu%s%s has kept the hub for %ld ms", g->id, g->name[0] ? " " : "",
	    g->name, (long)(ns / 1000000));
	vv__report_by_command(words);
	if (n == NAMED)
		vv__log("stalls of others are not reported");
}

void vv__report_blocked(void)
{
	static const char *const words[] = {"dump", "--report=all that wait", NULL};

	vv__report_by_command(words);
}

/* The command serves them until we end; it sees to it that one in a tree of processes is the first. */
void vv__report_metrics(void)
{
	char where[PATH_MAX] = "--serve=";
	const char *const words[] = {"metrics", where, NULL};
	size_t n = strlen(vv__config.metrics);

	if (n + 9 > sizeof where)
		return;
	memcpy(where + 8, vv__config.metrics, n + 1);
	vv__report_by_command(words);
}

/* VERVET_DUMP_SIGNAL's handler. */
void vv__report_signal(int signal)
{
	static const char *const words[] = {"dump", "--report=asked for by a signal", NULL};

	if (!vv__report_by_command(words))
		vv__log("no dump: the vervet command is not beside the library, or another dump has not "
			"begun yet");
}
