/*
 * Threads: life cycle. pthread_create makes a greenlet on a shell (core/greenlet.c); what glibc does when a thread ends
 * (thread_local objects, keys, robust mutexes) is done here, on the ending greenlet itself.
 */
#include "thread.h"
#include "fanout.h"
#include "interpose.h"
#include "signal.h"

#include <link.h>

/* ---- thread_local destructors ---- */

struct dtor {
	void (*fn)(void *);
	void *object, *dso;
	struct dtor *next;
};

static struct vv__slab dtors = {.size = sizeof(struct dtor)};

VV_EXPORT int __cxa_thread_atexit_impl(void (*fn)(void *), void *object, void *dso)
{
	struct vv_greenlet *g = vv__me();
	struct dtor *d;

	/* The main thread's run inside exit, which is glibc's business. */
	if (g == vv__main_greenlet() || g->foreign || g->is_hub)
		return REAL(__cxa_thread_atexit_impl)(fn, object, dso);
	d = vv__slab_get(&dtors);
	if (!d)
		vv__die("out of memory for a thread_local destructor");
	*d = (struct dtor){fn, object, dso, g->dtors};
	g->dtors = d;
	return 0;
}

void vv__run_dtors(struct vv_greenlet *g)
{
	struct dtor *d;

	while ((d = g->dtors)) {
		g->dtors = d->next;
		d->fn(d->object);
		vv__slab_put(&dtors, d);
	}
}

void vv__keep_dtors(struct vv_greenlet *g)
{
	struct dtor *d, *oldest = NULL;

	for (; (d = g->dtors); oldest = d) {
		g->dtors = d->next;
		d->next = oldest;
	}
	while ((d = oldest)) {
		oldest = d->next;
		REAL(__cxa_thread_atexit_impl)(d->fn, d->object, d->dso);
		vv__slab_put(&dtors, d);
	}
}

/* ---- what thread_local variables start from ---- */

struct tls_module {
	ptrdiff_t offset; /* of the block from the thread pointer */
	const void *image;
	size_t file_size, size;
};

enum { MODULES = 64 };
static struct tls_module modules[MODULES];
static int modules_n = -1;
static size_t last_static_id; /* modules with greater ids came by dlopen */
static unsigned long long loads;

static const ElfW(Phdr) * tls_segment(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			return &info->dlpi_phdr[i];
	return NULL;
}

/* libc's own variables outlive a thread on purpose (malloc's cache), ours too. */
static bool keeps_its_tls(const struct dl_phdr_info *info, const ElfW(Phdr) * tls)
{
	const char *name = strrchr(info->dlpi_name, '/');
	const char *self = (const char *)&vv__self, *block = info->dlpi_tls_data;

	name = name ? name + 1 : info->dlpi_name;
	return !strncmp(name, "libc.so", 7) || !strncmp(name, "ld-linux", 8) ||
	       (self >= block && self < block + tls->p_memsz);
}

static int note_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	const ElfW(Phdr) *tls = tls_segment(info);

	loads = info->dlpi_adds;
	if (!tls || !info->dlpi_tls_data)
		return 0;
	if (info->dlpi_tls_modid > last_static_id)
		last_static_id = info->dlpi_tls_modid;
	if (keeps_its_tls(info, tls) || modules_n == MODULES)
		return 0;
	modules[modules_n++] = (struct tls_module){(char *)info->dlpi_tls_data - (char *)vv__thread_pointer(),
	    (void *)(info->dlpi_addr + tls->p_vaddr), tls->p_filesz, tls->p_memsz};
	return 0;
}

static void reset_block(char *block, const void *image, size_t file_size, size_t size)
{
	memcpy(block, image, file_size);
	memset(block + file_size, 0, size - file_size);
}

static int reset_opened(struct dl_phdr_info *info, size_t size, void *unused)
{
	const ElfW(Phdr) * tls;

	if (info->dlpi_adds == loads)
		return 1; /* nothing was opened since the start */
	tls = tls_segment(info);
	if (tls && info->dlpi_tls_data && info->dlpi_tls_modid > last_static_id)
		reset_block(info->dlpi_tls_data, (void *)(info->dlpi_addr + tls->p_vaddr), tls->p_filesz,
		    tls->p_memsz);
	return 0;
}

static void reset_tls(void)
{
	char *tp = (char *)vv__thread_pointer();

	for (int i = 0; i < modules_n; i++)
		reset_block(tp + modules[i].offset, modules[i].image, modules[i].file_size, modules[i].size);
	vv__each_object(reset_opened, NULL);
	uselocale(LC_GLOBAL_LOCALE);
	errno = 0;
}

/* ---- the end of a greenlet ---- */

/* Objects that keys' destructors have made: libc does not destroy them either. */
static void drop_dtors(struct vv_greenlet *g)
{
	struct dtor *d;

	while ((d = g->dtors)) {
		g->dtors = d->next;
		vv__slab_put(&dtors, d);
	}
}

void __attribute__((weak)) vv__run_key_destructors(struct vv_greenlet *g)
{
}

void __attribute__((weak)) vv__release_robust_mutexes(struct vv_greenlet *g)
{
}

void vv__greenlet_ends(struct vv_greenlet *g)
{
	vv__signals_last(g);
	vv__run_dtors(g);
	vv__run_key_destructors(g);
	drop_dtors(g);
	vv__release_robust_mutexes(g);
	vv__signals_end(g);
	if (g->pooled && (!g->unwound || g->shell_class))
		reset_tls();
}

/* ---- main ---- */

static int (*program_main)(int, char **, char **);

/* Programs of Free Pascal come back with registers and a stack pointer of their own: main_frame ends here. */
static void __attribute__((noreturn, noinline)) main_returned(int status)
{
	vv__fanout_drain();
	REAL(exit)(status);
	__builtin_unreachable();
}

/* main runs inside a frame of ours, so that pthread_exit from it ends its greenlet and not a carrier. */
static int main_frame(int argc, char **argv, char **envp)
{
	__pthread_unwind_buf_t buf;

	memset(&buf, 0, sizeof buf);
	if (vv__setjmp(buf.__cancel_jmp_buf, 0))
		vv__end_here();
	__pthread_register_cancel(&buf);
	vv__fanout_base(__builtin_frame_address(0));
	main_returned(program_main(argc, argv, envp));
}

VV_EXPORT int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	vv__me();
	program_main = main;
	modules_n = 0;
	dl_iterate_phdr(note_module, NULL);
	return REAL(__libc_start_main)(main_frame, argc, argv, init, fini, rtld_fini, stack_end);
}

/* ---- create, join, detach, exit ---- */

static int fall_back(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	return REAL(pthread_create)(thread, attr, fn, arg);
}

/* A creator with a kernel thread of its own hands down what that has: ids, capabilities, namespaces. */
static int create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct vv_greenlet *me = vv__me(), *g;
	struct vv__birth b = {.attr = attr,
	    .fn = fn,
	    .arg = arg,
	    .join_state = VV__JOINABLE,
	    .thread = thread,
	    .prepare = vv__place_created};
	int detach = PTHREAD_CREATE_JOINABLE, r;

	if (attr && pthread_attr_getdetachstate(attr, &detach) == 0 && detach == PTHREAD_CREATE_DETACHED)
		b.join_state = VV__DETACHED;
	r = attr || me->sched ? vv__place_wanted(attr, &b.data) : 0;
	if (r)
		return r;
	b.alone = (me->pinned && !me->traces) || vv__place_alone(b.data);
	if (me->mask && atomic_load(&vv__live) <= 1 && !me->native)
		vv__keep_pending(me);
	r = vv__spawn(&g, &b);
	if (r == EAGAIN) { /* those that wait for their turn may end and leave room */
		vv__yield();
		r = vv__spawn(&g, &b);
	}
	if (r)
		vv__place_drop(b.data);
	return r;
}

static _Atomic bool defaults_changed;

VV_EXPORT int pthread_setattr_default_np(const pthread_attr_t *attr)
{
	int r = REAL(pthread_setattr_default_np)(attr);

	vv__usual_changed();
	if (r == 0)
		atomic_store(&defaults_changed, true);
	return r;
}

static int create_by_default(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_getattr_default_np(&attr);

	if (r)
		return r;
	r = create(thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return r;
}

/* Attributes that are as pthread_attr_init leaves them need not be read one by one. */
static bool asks_for_nothing(const pthread_attr_t *attr)
{
	static pthread_attr_t fresh;
	static _Atomic bool made;
	pthread_attr_t now;

	if (vv__unlikely(!atomic_load(&made))) {
		if (pthread_attr_init(&now))
			return false;
		fresh = now;
		atomic_store(&made, true);
	}
	return memcmp(attr, &fresh, sizeof fresh) == 0;
}

VV_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct vv_greenlet *g = vv__me();
	int r;

	if (!vv__family_on(thread) || g->is_hub || modules_n < 0 || vv__is_go(fn) ||
	    vv__unlikely(atomic_load_explicit(&vv__filtered, memory_order_relaxed)))
		return fall_back(thread, attr, fn, arg);
	if (vv__fanout_on())
		vv__fanout_thread();
	if (vv__unlikely(atomic_load(&defaults_changed)))
		r = attr ? create(thread, attr, fn, arg) : create_by_default(thread, fn, arg);
	else
		r = create(thread, attr && asks_for_nothing(attr) ? NULL : attr, fn, arg);
	if (r == 0)
		vv__pin_tracer(g);
	/* no hub: no libev, which is said once at the start, or no descriptors for it now */
	return r == ENOENT ? fall_back(thread, attr, fn, arg) : r;
}

void vv__vanish(struct vv_greenlet *g)
{
	drop_dtors(g);
	vv__forget_keys();
	g->value = NULL;
	vv__end_here();
}

VV_EXPORT void pthread_exit(void *value)
{
	vv__me()->value = value;
	REAL(pthread_exit)(value);
	__builtin_unreachable();
}

/* cancel.c has the whole of it. */
void __attribute__((weak)) vv__cancel_now(void)
{
	vv__me()->value = PTHREAD_CANCELED;
	REAL(pthread_exit)(PTHREAD_CANCELED);
	__builtin_unreachable();
}

/* One that has been cancelled will not wait for ever. */
static bool joins_me(struct vv_greenlet *g, struct vv_greenlet *me)
{
	return atomic_load(&me->join_state) == VV__JOINING && me->joiner == g &&
	       !(atomic_load(g->cancel) & (VV__CANCEL_CANCELED | VV__CANCEL_EXITING));
}

/* From one state of joining to another, whether g has ended or not. Returns what it was, or -1. */
static int change(struct vv_greenlet *g, int from, int to)
{
	int was = from;

	if (atomic_compare_exchange_strong(&g->join_state, &was, to))
		return from;
	was = from | VV__ENDED;
	return atomic_compare_exchange_strong(&g->join_state, &was, to | VV__ENDED) ? was : -1;
}

/* Claim the right to join t. 0 with *out set, ENOENT if t is a kernel thread of libc's, or the error. */
static int claim(pthread_t t, struct vv_greenlet **out)
{
	struct vv_greenlet *g = vv__of_thread(t), *me = vv__me();

	if (!g || g->foreign)
		return ENOENT;
	if (atomic_load(&g->state) == VV__FREE)
		return ESRCH;
	if ((g == me || joins_me(g, me)) && !vv__cancel_pending(me))
		return EDEADLK;
	if (change(g, VV__JOINABLE, VV__JOINING) < 0)
		return EINVAL;
	g->joiner = me;
	*out = g;
	return 0;
}

static int join(pthread_t t, void **value, int64_t deadline)
{
	struct vv_greenlet *g = NULL;
	int r;

	r = claim(t, &g);
	if (r)
		return r;
	r = vv__join(g, deadline, VV__CANCEL);
	if (r < 0) {
		g->joiner = NULL;
		atomic_fetch_and(&g->join_state, VV__ENDED); /* joinable again */
		if (r == -ECANCELED)
			vv__cancel_now();
		return -r;
	}
	if (value)
		*value = g->value;
	vv__release(g);
	return 0;
}

VV_EXPORT int pthread_join(pthread_t t, void **value)
{
	int r = join(t, value, VV__FOREVER);

	if (r != ENOENT)
		return r;
	vv__hop();
	r = REAL(pthread_join)(t, value);
	vv__hop_back();
	return r;
}

VV_EXPORT int pthread_tryjoin_np(pthread_t t, void **value)
{
	struct vv_greenlet *g = vv__of_thread(t);

	if (!g || g->foreign)
		return REAL(pthread_tryjoin_np)(t, value);
	if (atomic_load(&g->state) != VV__DONE)
		return EBUSY; /* also if it has been joined already, as libc says */
	return join(t, value, VV__FOREVER);
}

VV_EXPORT int pthread_clockjoin_np(pthread_t t, void **value, clockid_t clock, const struct timespec *until)
{
	int r;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	if (until && !vv__timespec_valid(until))
		return EINVAL;
	r = join(t, value, until ? vv__deadline_at(clock, until) : VV__FOREVER);
	if (r != ENOENT)
		return r;
	vv__hop();
	r = REAL(pthread_clockjoin_np)(t, value, clock, until);
	vv__hop_back();
	return r;
}

VV_EXPORT int pthread_timedjoin_np(pthread_t t, void **value, const struct timespec *until)
{
	return pthread_clockjoin_np(t, value, CLOCK_REALTIME, until);
}

VV_EXPORT int pthread_detach(pthread_t t)
{
	struct vv_greenlet *g = vv__of_thread(t);
	int was;

	if (!g || g->foreign)
		return REAL(pthread_detach)(t);
	if (atomic_load(&g->state) == VV__FREE)
		return ESRCH;
	was = change(g, VV__JOINABLE, VV__DETACHED);
	if (was < 0) /* libc leaves one that is waited for as it is */
		return atomic_load(&g->join_state) & VV__DETACHED ? EINVAL : 0;
	if (was & VV__ENDED) {
		vv__join(g, VV__FOREVER, 0); /* the hub is about to say so */
		vv__release(g);
	}
	return 0;
}

VV_EXPORT int sched_yield(void)
{
	if (!vv__family_on(thread))
		return REAL(sched_yield)();
	vv__yield();
	return 0;
}
VV_ALIAS(__sched_yield, sched_yield);
VV_ALIAS(pthread_yield, sched_yield);
