/*
 * Processes come and go. A forked child keeps one greenlet, the caller: libc's own fork does the work, and handlers
 * registered before anybody else's do ours, so that the core is whole again when the program's own child handlers
 * run, whichever of libc's functions forked. What waits for a child inside libc (system, pclose, wordexp) goes to a
 * carrier.
 */
#include "process.h"

#include "detour.h"
#include "fanout.h"
#include "fdinfo.h"
#include "hop.h"
#include "signal.h"
#include "stdio.h"
#include "thread.h"

#include <linux/futex.h>
#include <pty.h>
#include <sys/mman.h>
#include <utmp.h>
#include <wordexp.h>

/* ---- fork ------------------------------------------------------------------------------------------------- */

/*
 * One fork at a time: the kernel copies an address space under a lock that page faults want, too, and behind fifty that
 * queue for it the hub would wait fifty times as long. So greenlets queue up here, parked, and the hub goes on between
 * two forks. The turn is held from the last prepare handler to the first handler afterwards, never while handlers of
 * the program run: those may wait for each other.
 */
static struct {
	_Atomic(struct vv_greenlet *) g; /* whose it is */
	uint64_t mask;			 /* that greenlet's signal mask before */
} turn;

static bool is_taken(void *unused)
{
	return atomic_load(&turn.g) != NULL;
}

/* From here on no handler of the program runs: it could jump away, or fork. */
static bool turn_is_mine(struct vv_greenlet *g)
{
	struct vv_greenlet *nobody = NULL;
	uint64_t before = vv__block_all();

	if (!atomic_compare_exchange_strong(&turn.g, &nobody, g)) {
		vv__unblock(before);
		return false;
	}
	turn.mask = g->mask;
	vv__set_mask(g, ~0ul);
	return true;
}

/* Main stays where it is, see process.h. */
static void take_turn(struct vv_greenlet *g)
{
	uint64_t place = 0;
	const struct vv__park park = {
	    .key = &turn, .deadline = VV__FOREVER, .turn = &place, .what = "fork", .valid = is_taken};

	while (!turn_is_mine(g))
		vv__park_on(&park);
	if (g != vv__main_greenlet())
		vv__hop();
}

static void end_turn(struct vv_greenlet *g)
{
	uint64_t mask = turn.mask;

	if (g != vv__main_greenlet())
		vv__hop_back();
	atomic_store(&turn.g, NULL);
	vv__wake(&turn, 1);
	vv__change_mask(g, mask);
}

uint64_t vv__mask_beside_fork(struct vv_greenlet *g)
{
	return atomic_load(&turn.g) == g ? turn.mask : g->mask;
}

/* Nor is a signal taken meanwhile by a greenlet that needs no turn: in the child the program's signal handlers would find
 * the parent's hub. */
static void before_fork(void)
{
	struct vv_greenlet *g = vv__me();
	uint64_t all = ~0ull;

	vv__fdinfo_shared();
	vv__pin_tracer(g);
	if (!vv__step_aside(g, process))
		take_turn(g);
	if (g != vv__main_greenlet())
		vv__forker_start();
	vv__fork_begins();
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &g->fork_mask, sizeof(all));
}

static void in_parent(void)
{
	struct vv_greenlet *g = vv__me();

	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &g->fork_mask, NULL, sizeof(uint64_t));
	if (atomic_load(&turn.g) == g)
		end_turn(g);
}

static void be_child(bool shares_files)
{
	struct vv_greenlet *g = vv__me();

	vv__fork_child(shares_files);
	vv__forker_note(g->tid, g);
	vv__forker_forget();
	vv__kept_forget();
	vv__fanout_fork_child();
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &g->fork_mask, NULL, sizeof(uint64_t));
	if (atomic_exchange(&turn.g, NULL) == g)
		vv__set_mask(g, turn.mask);
}

static void in_child(void)
{
	be_child(false);
}

void vv__fork_start(void)
{
	REAL(__register_atfork)(before_fork, in_parent, in_child, NULL);
}

/* What the program has registered, for the fork that libc does not make. */
struct handlers {
	void (*prepare)(void), (*parent)(void), (*child)(void);
};

enum { HANDLERS = 64 };
static struct handlers handlers[HANDLERS];
static _Atomic unsigned handlers_n;

/* vv__me starts the library, which registers our handlers first. */
VV_EXPORT int __register_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
{
	unsigned i;
	int r;

	vv__me();
	r = REAL(__register_atfork)(prepare, parent, child, object);
	if (r == 0 && (i = atomic_fetch_add(&handlers_n, 1)) < HANDLERS)
		handlers[i] = (struct handlers){prepare, parent, child};
	return r;
}

/* Handlers go with the object that registered them: look whether their code is still there. */
static void call(void (*handler)(void))
{
	Dl_info info;

	if (handler && dladdr((void *)handler, &info))
		handler();
}

static long clone_quietly(void)
{
	int *tid = vv__tcb_tid_word(vv__me());
	void *robust = NULL;
	size_t robust_size = 0;
	long pid;

	vv__syscall(SYS_get_robust_list, 0, &robust, &robust_size);
	pid = vv__syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL, NULL, tid, NULL);
	if (pid == 0)
		vv__syscall(SYS_set_robust_list, robust, robust_size);
	return pid;
}

pid_t vv__fork_quietly(void)
{
	unsigned n = atomic_load(&handlers_n);
	long pid;

	if (n > HANDLERS)
		return -EAGAIN;
	for (unsigned i = n; i-- > 0;)
		call(handlers[i].prepare);
	before_fork();
	pid = clone_quietly();
	if (pid == 0)
		in_child();
	else
		in_parent();
	for (unsigned i = 0; i < n; i++)
		call(pid == 0 ? handlers[i].child : handlers[i].parent);
	return (pid_t)pid;
}

/* A fork that libc does not hear of: in the child, its own record of the thread's id must follow too. */
long vv__fork_raw(const long *clone_args)
{
	const long *a = clone_args;
	struct vv_greenlet *g = vv__me();
	long r;

	before_fork();
	r = vv__syscall(SYS_clone, a[0], a[1], a[2], a[3], a[4]);
	if (r != 0) {
		in_parent();
		return r;
	}
	be_child(a[0] & CLONE_FILES);
	vv__tcb_set_tid(g, g->tid);
	return 0;
}

struct birth {
	int (*fn)(void *);
	void *arg;
	bool shares_files;
};

/* When fn returns, libc ends this thread only; the process follows its last one, with the status of this one. */
static int born(void *birth)
{
	const struct birth *b = birth;
	int r;

	be_child(b->shares_files);
	vv__tcb_set_tid(vv__me(), vv__me()->tid);
	r = b->fn(b->arg);
	while (atomic_load(&vv__live) > 1)
		vv__sleep_until(vv__now() + 1000000, 0);
	vv__syscall(SYS_exit_group, r);
	return r;
}

/* A parent that waits may give its child any memory for thread-local data (Chromium's sandbox: zeros), since the child
 * does next to nothing. Where there is no thread control block, which begins with its own address, our functions would
 * find no greenlet: such a child uses its parent's, as vfork's does. */
static bool has_no_thread_data(int flags, void *tls)
{
	const int wanted = CLONE_VM | CLONE_VFORK | CLONE_SETTLS;
	void *first;

	return (flags & (wanted | CLONE_THREAD)) == wanted && vv__copy_in(&first, tls, sizeof first) == 0 &&
	       first != tls;
}

/* A child that copies memory is a fork without handlers. One that shares memory runs as its parent's greenlet: that must
 * make the real calls meanwhile, and for good if it does not wait for the child. With thread-local data of its own the
 * child is a thread that we do not know. */
VV_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	struct vv_greenlet *g = vv__me();
	struct birth b = {fn, arg, flags & CLONE_FILES};
	pid_t *parent_tid, *child_tid;
	int error = errno, pid;
	bool hopped;
	void *tls;
	va_list ap;

	va_start(ap, arg);
	parent_tid = va_arg(ap, pid_t *);
	tls = va_arg(ap, void *);
	child_tid = va_arg(ap, pid_t *);
	va_end(ap);
	if (has_no_thread_data(flags, tls)) {
		pid = clone(fn, stack, flags & ~CLONE_SETTLS, arg, parent_tid, NULL, child_tid);
		errno = pid < 0 ? errno : error;
		return pid;
	}
	if (!vv__family_on(process) || !fn || !stack || flags & (CLONE_THREAD | CLONE_SETTLS))
		return REAL(clone)(fn, stack, flags, arg, parent_tid, tls, child_tid);
	if (flags & CLONE_VM) {
		if (flags & CLONE_VFORK)
			vv__hop();
		else if (!g->pinned)
			vv__pin();
		pid = REAL(clone)(fn, stack, flags, arg, parent_tid, tls, child_tid);
		if (flags & CLONE_VFORK)
			vv__hop_back();
		return pid;
	}
	hopped = vv__birth_begins();
	before_fork();
	pid = REAL(clone)(born, stack, flags, &b, parent_tid, tls, child_tid);
	in_parent();
	vv__birth_ends(hopped);
	return pid;
}
VV_ALIAS(__clone, clone);

bool vv__birth_begins(void)
{
	struct vv_greenlet *g = vv__me();
	bool hops;

	vv__pin_tracer(g);
	hops = !vv__step_aside(g, process) && g != vv__main_greenlet();

	if (hops) {
		vv__hop();
		vv__forker_start();
	}
	vv__fork_begins();
	return hops;
}

void vv__birth_ends(bool hopped)
{
	if (hopped)
		vv__hop_back();
}

VV_EXPORT pid_t fork(void)
{
	vv__me();
	return REAL(fork)();
}
VV_ALIAS(__fork, fork);
VV_ALIAS(__libc_fork, fork);

/* The one fork without handlers. */
VV_EXPORT pid_t _Fork(void)
{
	pid_t pid;

	before_fork();
	pid = REAL(_Fork)();
	if (pid == 0)
		in_child();
	else
		in_parent();
	return pid;
}

/*
 * Where the real one cannot be (see below) vfork is fork, whose parent goes on when its child has called exec or has ended.
 * Both make the kernel walk the child's robust list: it marks the word there as belonging to a dead owner and wakes who
 * waits for it. The word is shared.
 */
struct vfork_page {
	_Atomic uint32_t word;
	struct robust_list node;
	struct robust_list_head head;
};

static void announce(struct vfork_page *p)
{
	p->node.next = &p->head.list;
	p->head.list.next = &p->node;
	p->head.futex_offset = (char *)&p->word - (char *)&p->node;
	vv__syscall(SYS_set_robust_list, &p->head, sizeof(p->head));
	atomic_store(&p->word, (uint32_t)vv__syscall(SYS_gettid) | FUTEX_WAITERS);
	vv__syscall(SYS_futex, &p->word, FUTEX_WAKE, 1);
}

/* True if the child ended before it announced itself. */
static bool ended(pid_t pid)
{
	siginfo_t info = {0};

	return vv__syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT, NULL) || info.si_pid;
}

static void await_exec(struct vfork_page *p, pid_t pid)
{
	struct timespec look = {0, 50000000};
	uint32_t word;

	vv__hop();
	while (!((word = atomic_load(&p->word)) & FUTEX_OWNER_DIED) && (word || !ended(pid)))
		vv__syscall(SYS_futex, &p->word, FUTEX_WAIT, word, &look);
	vv__hop_back();
}

pid_t vv__vfork_copying(void)
{
	long p = vv__syscall(SYS_mmap, NULL, sizeof(struct vfork_page), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = _Fork();

	if (p < 0)
		return pid;
	if (pid == 0) {
		announce((struct vfork_page *)p);
		return 0;
	}
	if (pid > 0)
		await_exec((struct vfork_page *)p, pid);
	vv__syscall(SYS_munmap, p, sizeof(struct vfork_page));
	return pid;
}

/*
 * vfork's child shares its parent's memory until it calls exec: what it does to descriptors, signals and masks is its own,
 * but our records of them are its parent's. So meanwhile a bystander is in the greenlet's place, of whom every function
 * makes the real call and notes nothing. The parent is made to wait on a carrier, as for posix_spawn.
 */
struct vfork {
	void *return_address; /* vfork_x86_64.S's */
	struct vv_greenlet *parent, child;
	struct vv__exec_env env; /* that the child has made for its exec */
	bool hopped;
};

static struct vv__slab vforks = {.size = sizeof(struct vfork)};

/* Null: the caller's stack is not one that a child can run on, or there is no memory. */
struct vfork *vv__vfork_begins(void)
{
	struct vv_greenlet *g = vv__me();
	struct vfork *v =
	    g->slice || g->cooperative || !vv__family_on(process) ? NULL : vv__slab_get(&vforks);

	if (!v)
		return NULL;
	vv__fdinfo_shared();
	v->hopped = vv__birth_begins();
	v->parent = g;
	v->child = *g;
	v->child.bystands = g;
	v->child.foreign = v->child.is_hub = v->child.pinned = true;
	v->child.native = v->child.inside = 1;
	v->child.traces = false;
	v->child.asked = VV__STAY;
	v->child.tid = (int)vv__syscall(SYS_getpid); /* tells parent and child apart */
	v->child.pending = 0;
	v->child.user = v;
	vv__self = &v->child;
	return v;
}

void vv__vfork_keep(struct vv__exec_env *e)
{
	struct vfork *v = vv__self->user;

	vv__exec_env_free(&v->env);
	v->env = *e;
}

pid_t vv__vfork_ends(struct vfork *v, long pid)
{
	struct vv_greenlet *g = vv__self = v->parent;

	if (pid > 0)
		vv__forker_note((pid_t)pid, g);
	vv__exec_env_free(&v->env);
	vv__birth_ends(v->hopped);
	vv__slab_put(&vforks, v);
	return (pid_t)vv__errno_return(pid);
}

/* Namespaces, capabilities and the ids for files belong to a kernel thread: the greenlet stays on its own from here. */
#define PINNED(name, params, args)                                                                           \
	VV_EXPORT int name params                                                                            \
	{                                                                                                    \
		if (vv__me()->traces || !vv__step_aside(vv__me(), process))                                  \
			vv__pin();                                                                           \
		return REAL(name) args;                                                                      \
	}

PINNED(unshare, (int flags), (flags))
PINNED(setns, (int fd, int type), (fd, type))
PINNED(setfsuid, (uid_t id), (id))
PINNED(setfsgid, (gid_t id), (id))
PINNED(capset, (void *header, const void *data), (header, data))

/* ---- shells ----------------------------------------------------------------------------------------------- */

/*
 * libc gives its shells `environ`, so where that lacks us (a program that cleared it, or one we hide from) a copy
 * takes its place for the time of the call. Others may read it meanwhile: a copy lives on for a few calls more.
 */
struct lent {
	char **old;
	struct vv__exec_env e;
};

static struct lent lend_environ(void)
{
	struct lent l = {environ, vv__exec_env(environ)};

	vv__fdinfo_shared();
	if (l.e.copy)
		environ = l.e.env;
	return l;
}

static void return_environ(struct lent *l)
{
	static struct vv__exec_env kept[8];
	static _Atomic int lock;
	static unsigned turn;
	struct vv__exec_env oldest;

	if (!l->e.copy)
		return;
	if (environ == l->e.env)
		environ = l->old;
	if (atomic_exchange(&lock, 1))
		return;
	oldest = kept[turn];
	kept[turn++] = l->e;
	turn %= sizeof(kept) / sizeof(kept[0]);
	atomic_store(&lock, 0);
	vv__exec_env_free(&oldest);
}

VV_EXPORT int system(const char *command)
{
	bool direct = vv__step_aside(vv__me(), process);
	struct lent l = lend_environ();
	int r;

	struct vv__detour *d = direct || !command ? NULL : vv__detour(strlen(command) + 1);

	if (d) {
		r = (int)vv__detour_run(
		    d, REAL(system), (long)vv__detour_copy(d, command, strlen(command) + 1));
		vv__detour_end(d);
	} else {
		if (!direct)
			vv__hop();
		r = REAL(system)(command);
		if (!direct)
			vv__hop_back();
	}
	return_environ(&l);
	return r;
}

VV_EXPORT int wordexp(const char *words, wordexp_t *out, int flags)
{
	bool direct = vv__step_aside(vv__me(), process);
	struct lent l = lend_environ();
	int r;

	if (!direct)
		vv__hop();
	r = REAL(wordexp)(words, out, flags);
	if (!direct)
		vv__hop_back();
	return_environ(&l);
	return r;
}

/* libc's functions of the streams that popen makes; they stand behind every FILE. */
static void *_Atomic process_functions;

static void *functions(FILE *f)
{
	return *(void **)(f + 1);
}

bool vv__stream_is_process(FILE *f)
{
	void *known = atomic_load_explicit(&process_functions, memory_order_relaxed);

	return known && functions(f) == known;
}

VV_EXPORT FILE *popen(const char *command, const char *mode)
{
	bool hopped = vv__birth_begins();
	struct lent l = lend_environ();
	FILE *f = REAL(popen)(command, mode);

	return_environ(&l);
	if (f)
		atomic_store_explicit(&process_functions, functions(f), memory_order_relaxed);
	vv__birth_ends(hopped);
	return f;
}
VV_ALIAS(_IO_popen, popen);

/* Closes first, then waits: only on a carrier. */
VV_EXPORT int pclose(FILE *f)
{
	bool direct = vv__step_aside(vv__me(), process);
	int r;

	vv__fd_forget(fileno(f));
	if (!direct && vv__detoured(&r, REAL(pclose), (long)f))
		return r;
	if (!direct)
		vv__hop();
	r = REAL(pclose)(f);
	if (!direct)
		vv__hop_back();
	return r;
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

/* Once only: what exit calls may call exit. */
VV_EXPORT void exit(int status)
{
	vv__me();
	vv__fanout_drain();
	REAL(exit)(status);
	__builtin_unreachable();
}

VV_EXPORT void _exit(int status)
{
	vv__me();
	vv__stats_report();
	REAL(_exit)(status);
	__builtin_unreachable();
}
VV_ALIAS(_Exit, _exit);

/* A terminal takes the place of the standard streams. */
VV_EXPORT int login_tty(int fd)
{
	vv__me();
	for (int i = 0; i <= 2; i++)
		vv__fd_forget(i);
	vv__fd_forget(fd);
	return REAL(login_tty)(fd);
}
