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
void vv__before_fork(void)
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
	vv__objects_begin();
}

void vv__after_fork_parent(void)
{
	struct vv_greenlet *g = vv__me();

	vv__objects_end();
	vv__syscall(SYS_rt_sigprocmask, SIG_SETMASK, &g->fork_mask, NULL, sizeof(uint64_t));
	if (atomic_load(&turn.g) == g)
		end_turn(g);
}

void vv__after_fork_child(bool shares_files)
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
	vv__after_fork_child(false);
}

void vv__fork_start(void)
{
	REAL(__register_atfork)(vv__before_fork, vv__after_fork_parent, in_child, NULL);
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
	vv__before_fork();
	pid = clone_quietly();
	if (pid == 0)
		in_child();
	else
		vv__after_fork_parent();
	for (unsigned i = 0; i < n; i++)
		call(pid == 0 ? handlers[i].child : handlers[i].parent);
	return (pid_t)pid;
}

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

	vv__before_fork();
	pid = REAL(_Fork)();
	if (pid == 0)
		in_child();
	else
		vv__after_fork_parent();
	return pid;
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
