/*
 * Who a thread is, where libc would ask the kernel by thread id: gettid, names, stack bounds.
 */
#include "interpose.h"
#include "signal.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>

/* A child made by the program's own clone has the greenlet of its parent, but another id. */
long vv__gettid(void)
{
	struct vv_greenlet *g = vv__me();

	if (g == vv__main_greenlet())
		return vv__syscall(SYS_getpid);
	return g->foreign ? vv__syscall(SYS_gettid) : g->tid;
}

VV_EXPORT pid_t gettid(void)
{
	return (pid_t)vv__gettid();
}

/* ---- names ---- */

/* Kernel threads whose name the world sees: the first one is the process's. */
static void name_kernel_thread(struct vv_greenlet *g)
{
	char path[64] = "/proc/self/task/";
	int tid = g == vv__main_greenlet() ? g->tid : g->native ? vv__carrier_tid(g) : 0;
	long fd;

	if (!tid)
		return;
	strcpy(vv__put_decimal(path + strlen(path), tid), "/comm");
	fd = vv__syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	vv__syscall(SYS_write, fd, g->name, strlen(g->name));
	vv__syscall(SYS_close, fd);
}

static void set_name(struct vv_greenlet *g, const char *name)
{
	strncpy(g->name, name, sizeof g->name - 1);
	g->name[sizeof g->name - 1] = 0;
	name_kernel_thread(g);
}

VV_EXPORT int pthread_setname_np(pthread_t t, const char *name)
{
	struct vv_greenlet *me = vv__me(), *g = vv__of_thread(t);

	if (!g || g->foreign || me->is_hub)
		return REAL(pthread_setname_np)(t, name);
	if (strlen(name) >= sizeof g->name)
		return ERANGE;
	set_name(g, name);
	return 0;
}

VV_EXPORT int pthread_getname_np(pthread_t t, char *name, size_t size)
{
	struct vv_greenlet *me = vv__me(), *g = vv__of_thread(t);

	if (!g || g->foreign || me->is_hub)
		return REAL(pthread_getname_np)(t, name, size);
	if (size < sizeof g->name)
		return ERANGE;
	memcpy(name, g->name, sizeof g->name);
	return 0;
}

/* What the kernel keeps for one kernel thread: the greenlet that asks for it gets one of its own, for good. */
static bool is_of_one_thread(int option)
{
	switch (option) {
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_SECCOMP:
	case PR_SET_SECUREBITS:
	case PR_SET_KEEPCAPS:
	case PR_CAPBSET_DROP:
	case PR_CAP_AMBIENT:
	case PR_SET_TIMERSLACK:
	case PR_SET_TSC:
		return true;
	}
	return false;
}

static bool name_readable(const char *name)
{
	for (unsigned i = 0; i < sizeof vv__self->name - 1; i++) {
		if ((i == 0 || (uintptr_t)(name + i) % 8 == 0) && !vv__readable(name + i, 1))
			return false;
		if (!name[i])
			return true;
	}
	return true;
}

VV_EXPORT int prctl(int option, ...)
{
	struct vv_greenlet *g = vv__me();
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (is_of_one_thread(option) && (g->traces || !vv__direct(g)))
		vv__pin();
	if (option == PR_SET_SECCOMP && a[0] == SECCOMP_MODE_FILTER)
		vv__filter_begins();
	if (g->foreign || g->is_hub || (option != PR_SET_NAME && option != PR_GET_NAME))
		return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (option == PR_GET_NAME)
		return vv__errno_return(vv__copy_out((char *)a[0], g->name, sizeof g->name));
	if (!name_readable((const char *)a[0]))
		return vv__errno_return(-EFAULT);
	set_name(g, (const char *)a[0]);
	return 0;
}

/* ---- stack bounds ---- */

/*
 * The real function reads the answer from the thread control block, then asks the kernel for the affinity of its
 * thread id, which for a greenlet does not exist: so it is asked under the id of a kernel thread. While another runs
 * its id must not change, though; where the four words (stack, its size, guard, guard as asked for) are in the block is
 * learned from the first answer.
 */
static size_t facts_offset; /* in words */

static int ask_under_kernel_id(struct vv_greenlet *g, pthread_attr_t *attr)
{
	int tid = vv__tcb_tid(g), r;

	vv__tcb_set_tid(g, vv__syscall(SYS_gettid));
	r = REAL(pthread_getattr_np)(g->thread, attr);
	vv__tcb_set_tid(g, tid);
	return r;
}

static void learn_facts(struct vv_greenlet *g, const pthread_attr_t *attr)
{
	enum { FROM = 8, TO = 288 };
	const uintptr_t *tcb = (const uintptr_t *)g->thread;
	size_t size, guard;
	void *stack;

	if (facts_offset || pthread_attr_getstack(attr, &stack, &size) ||
	    pthread_attr_getguardsize(attr, &guard))
		return;
	for (size_t i = FROM; i < TO; i++)
		if (tcb[i] + tcb[i + 2] == (uintptr_t)stack && tcb[i + 1] - tcb[i + 2] == size &&
		    tcb[i + 3] == guard)
			facts_offset = i;
}

static int ask_for_another(struct vv_greenlet *g, pthread_attr_t *attr)
{
	const uintptr_t *facts = (const uintptr_t *)g->thread + facts_offset;
	int r = pthread_attr_init(attr);

	if (r)
		return r;
	if (g->stack) {
		pthread_attr_setstack(attr, g->stack, g->stack_size);
		return 0;
	}
	pthread_attr_setstack(attr, (void *)(facts[0] + facts[2]), facts[1] - facts[2]);
	pthread_attr_setguardsize(attr, facts[3]);
	return 0;
}

VV_EXPORT int pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	struct vv_greenlet *me = vv__me(), *g = vv__of_thread(t);
	int r;

	if (!g || g->foreign || me->is_hub)
		return REAL(pthread_getattr_np)(t, attr);
	if (g == vv__main_greenlet()) {
		r = REAL(pthread_getattr_np)(t, attr);
		if (r == 0)
			vv__place_describe(g, attr);
		return r;
	}
	r = g != me && (facts_offset || g->stack) ? ask_for_another(g, attr) : ask_under_kernel_id(g, attr);
	if (r)
		return r;
	if (g->stack)
		pthread_attr_setguardsize(attr, g->guard_size); /* ours, unknown to glibc */
	else
		learn_facts(g, attr);
	if (atomic_load(&g->join_state) == VV__DETACHED)
		pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED);
	vv__place_describe(g, attr);
	return 0;
}

/* ---- memory by a thread's id ---- */

/* The kernel knows the ids of the process only; a thread has the same memory. */
static pid_t process_of(pid_t id)
{
	return vv__of_tid(id) ? getpid() : id;
}

VV_EXPORT ssize_t process_vm_readv(pid_t id, const struct iovec *to, unsigned long n_to, const struct iovec *from,
    unsigned long n_from, unsigned long flags)
{
	return REAL(process_vm_readv)(process_of(id), to, n_to, from, n_from, flags);
}

VV_EXPORT ssize_t process_vm_writev(pid_t id, const struct iovec *from, unsigned long n_from,
    const struct iovec *to, unsigned long n_to, unsigned long flags)
{
	return REAL(process_vm_writev)(process_of(id), from, n_from, to, n_to, flags);
}
