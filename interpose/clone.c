/*
 * Children that libc's fork does not make: clone and vfork, and the system calls of that name. One that copies memory is a
 * fork without handlers. One that shares it while its parent waits finds a bystander in its parent's place.
 */
#include "process.h"

#include "fdinfo.h"
#include "futex.h"
#include "hop.h"
#include "thread.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/mman.h>

/* ---- copies ----------------------------------------------------------------------------------------------- */

/* A fork that libc does not hear of: in the child, its own record of the thread's id must follow too. */
static void be_copy(bool shares_files)
{
	struct vv_greenlet *g = vv__me();

	vv__after_fork_child(shares_files);
	vv__tcb_set_tid(g, g->tid);
}

static long raw_fork(long number, const long *a, bool shares_files)
{
	long r;

	vv__before_fork();
	r = vv__syscall(number, a[0], a[1], a[2], a[3], a[4]);
	if (r == 0)
		be_copy(shares_files);
	else
		vv__after_fork_parent();
	return r;
}

long vv__raw_clone(const long *a)
{
	return raw_fork(SYS_clone, a, a[0] & CLONE_FILES);
}

long vv__raw_clone3(const long *a)
{
	const struct clone_args *c = (const struct clone_args *)a[0];

	return raw_fork(SYS_clone3, a, c->flags & CLONE_FILES);
}

/* The kernel will clear a word of ours at a thread's end, and wake who waits for that. */
static void note_end(unsigned long flags)
{
	if (flags & CLONE_VM && flags & CLONE_CHILD_CLEARTID)
		vv__futex_cleared();
}

bool vv__clone_forks(long number, unsigned long a, unsigned long b)
{
	const unsigned long no_fork = CLONE_VM | CLONE_THREAD | CLONE_SETTLS;
	struct clone_args c = {.flags = a, .stack = b};

	if (number == SYS_clone3 &&
	    (b < CLONE_ARGS_SIZE_VER0 || vv__copy_in(&c, (const void *)a, CLONE_ARGS_SIZE_VER0) < 0))
		return false;
	note_end(c.flags);
	return !(c.flags & no_fork) && !c.stack;
}

struct birth {
	int (*fn)(void *);
	void *arg;
	int flags;
	void *stack;
	pid_t *parent_tid;
	void *tls;
	pid_t *child_tid;
};

/* When fn returns, libc ends this thread only; the process follows its last one, with the status of this one. */
static int born(void *birth)
{
	const struct birth *b = birth;
	int r;

	be_copy(b->flags & CLONE_FILES);
	r = b->fn(b->arg);
	while (atomic_load(&vv__live) > 1)
		vv__sleep_until(vv__now() + 1000000, 0);
	vv__syscall(SYS_exit_group, r);
	return r;
}

static int clone_real(const struct birth *b, int (*fn)(void *), void *arg)
{
	return REAL(clone)(fn, b->stack, b->flags, arg, b->parent_tid, b->tls, b->child_tid);
}

static int clone_copying(struct birth *b)
{
	bool hopped = vv__birth_begins();
	int pid;

	vv__before_fork();
	pid = clone_real(b, born, b);
	vv__after_fork_parent();
	vv__birth_ends(hopped);
	return pid;
}

/* ---- vfork ------------------------------------------------------------------------------------------------ */

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

/* ---- clone ------------------------------------------------------------------------------------------------ */

static int clone_beside(const struct birth *b)
{
	const int recorded = CLONE_FILES | CLONE_SIGHAND; /* what we keep records of */
	struct vfork *v = b->flags & recorded ? NULL : vv__vfork_begins();
	int pid;

	if (!v)
		vv__hop();
	pid = clone_real(b, b->fn, b->arg);
	if (v)
		return vv__vfork_ends(v, pid < 0 ? -errno : pid);
	vv__hop_back();
	return pid;
}

/* The child runs as its parent's greenlet: that makes the real calls from now on. */
static int clone_sharing(const struct birth *b)
{
	if (!vv__me()->pinned)
		vv__pin();
	return clone_real(b, b->fn, b->arg);
}

/* A parent that waits may give its child any memory for thread-local data (Chromium's sandbox: zeros), since the child
 * does next to nothing. Where there is no thread control block, which begins with its own address, our functions would
 * find no greenlet: such a child uses its parent's, as vfork's does. */
static bool has_no_thread_data(const struct birth *b)
{
	const int wanted = CLONE_VM | CLONE_VFORK | CLONE_SETTLS;
	void *first;

	return (b->flags & (wanted | CLONE_THREAD)) == wanted &&
	       vv__copy_in(&first, b->tls, sizeof first) == 0 && first != b->tls;
}

/* With thread-local data of its own the child is a thread that we do not know. */
static int clone_as_asked(struct birth *b)
{
	note_end(b->flags);
	if (!vv__family_on(process) || !b->fn || !b->stack || b->flags & CLONE_SETTLS)
		return clone_real(b, b->fn, b->arg);
	if (!(b->flags & CLONE_VM))
		return clone_copying(b);
	return b->flags & CLONE_VFORK ? clone_beside(b) : clone_sharing(b);
}

VV_EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	struct birth b = {.fn = fn, .arg = arg, .flags = flags, .stack = stack};
	int error = errno, pid;
	va_list ap;

	vv__me();
	va_start(ap, arg);
	b.parent_tid = va_arg(ap, pid_t *);
	b.tls = va_arg(ap, void *);
	b.child_tid = va_arg(ap, pid_t *);
	va_end(ap);
	if (has_no_thread_data(&b))
		b.flags &= ~CLONE_SETTLS;
	pid = clone_as_asked(&b);
	if (pid >= 0)
		errno = error;
	return pid;
}
VV_ALIAS(__clone, clone);
