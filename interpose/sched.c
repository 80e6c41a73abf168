/*
 * Scheduling attributes: affinity, policy, priority, nice value. The kernel has them per kernel thread, and greenlets
 * share one. A greenlet that gets attributes of its own therefore gets a kernel thread of its own for good (vv__pin):
 * nothing else on it feels them. One that is created with them is born on it, before its creator goes on, as a thread of
 * higher priority must. One that is given them by another greenlet does so at its next safe point. Asking for what is so
 * already changes nothing.
 */
#include "signal.h"
#include "sync.h"

#include <sys/resource.h>

/* linux/sched/types.h, SCHED_ATTR_SIZE_VER1 */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

enum { FIRST_SIZE = 48, UTIL_CLAMP = 0x60, IOPRIO_PROCESS = 1 };

/* What was asked for g; g->sched. */
struct place {
	bool has_cpus, has_attributes, has_policy, has_nice, has_io;
	bool is_explicit;	 /* attributes said PTHREAD_EXPLICIT_SCHED */
	uint8_t cpus[8192 / 8]; /* the most that a kernel is built for */
	size_t size; /* of cpus */
	struct attributes attributes;
	int io;
	int policy;
	struct sched_param param;
	int nice;
	bool waits; /* to be done by g itself */
};

static struct vv__slab places = {.size = sizeof(struct place)};

static struct place *place_of(struct vv_greenlet *g)
{
	if (!g->sched)
		g->sched = vv__slab_get(&places);
	return g->sched;
}

void vv__place_end(struct vv_greenlet *g)
{
	if (g->sched)
		vv__slab_put(&places, g->sched);
	g->sched = NULL;
}

/* The kernel thread that can answer for g. */
static int answering_tid(struct vv_greenlet *g)
{
	return g->native ? vv__carrier_tid(g) : vv__hub_tid();
}

/* ---- moving to a kernel thread of its own ---- */

static void apply(struct place *p, int tid)
{
	if (p->has_cpus)
		vv__syscall(SYS_sched_setaffinity, tid, p->size, p->cpus);
	if (p->has_attributes)
		vv__syscall(SYS_sched_setattr, tid, &p->attributes, 0);
	if (p->has_io)
		vv__syscall(SYS_ioprio_set, IOPRIO_PROCESS, tid, p->io);
	if (p->has_policy)
		vv__syscall(SYS_sched_setscheduler, tid, p->policy, &p->param);
	if (p->has_nice)
		vv__syscall(SYS_setpriority, PRIO_PROCESS, tid, p->nice);
}

static void settle(struct vv_greenlet *g)
{
	struct place *p = g->sched;

	p->waits = false;
	if (!g->pinned)
		vv__pin();
	apply(p, 0);
}

void vv__place_now(struct vv_greenlet *g)
{
	struct place *p = g->sched;

	if (p && p->waits)
		settle(g);
}

/* What is asked for g has been changed: make it so. */
static void place(struct vv_greenlet *g)
{
	struct place *p = g->sched;
	siginfo_t info = {.si_signo = VV__SIGSETXID};

	if (g->pinned) {
		apply(p, vv__carrier_tid(g));
		return;
	}
	if (g == vv__me()) {
		settle(g);
		return;
	}
	if (p->waits) /* and has not been seen yet */
		return;
	p->waits = true;
	vv__install_cancel_handler();
	vv__keep(VV__SIGSETXID, &info, g, true);
	vv__prod(g);
}

/* True if the call concerns a greenlet that may run on any kernel thread. */
static bool concerns(struct vv_greenlet *g)
{
	struct vv_greenlet *me = vv__me();

	return g && !g->foreign && !me->is_hub && vv__family_on(thread) && atomic_load(&vv__started);
}

static struct vv_greenlet *of_thread(pthread_t t)
{
	vv__me();
	return vv__of_thread(t);
}

static struct vv_greenlet *of_id(pid_t id)
{
	return id ? vv__of_tid(id) : vv__me();
}

/* Done and gone. */
static bool ended(struct vv_greenlet *g)
{
	uint8_t state = atomic_load(&g->state);

	return state == VV__DONE || state == VV__FREE;
}

/* ---- at creation ---- */

static bool names_policy(const pthread_attr_t *attr)
{
	int inherit;

	return attr && pthread_attr_getinheritsched(attr, &inherit) == 0 && inherit == PTHREAD_EXPLICIT_SCHED;
}

/* Without an affinity the attributes say: every CPU. */
static void name_cpus(const pthread_attr_t *attr, struct place *p)
{
	uint8_t every[sizeof p->cpus], named[sizeof every];

	memset(every, 0xff, sizeof every);
	if (!attr || pthread_attr_getaffinity_np(attr, sizeof named, (cpu_set_t *)named) != 0 ||
	    memcmp(named, every, sizeof every) == 0)
		return;
	memcpy(p->cpus, named, sizeof named);
	p->has_cpus = true;
}

/* Would the kernel let a thread of this process have p? It is asked for the caller's own kernel thread. */
static int check(const struct place *p)
{
	uint8_t cpus[sizeof p->cpus];
	struct sched_param had;
	int before, r = 0;

	if (p->has_cpus && vv__syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus) > 0) {
		r = vv__syscall(SYS_sched_setaffinity, 0, p->size, p->cpus);
		if (r == 0)
			vv__syscall(SYS_sched_setaffinity, 0, sizeof cpus, cpus);
	}
	if (r == 0 && p->is_explicit) {
		before = vv__syscall(SYS_sched_getscheduler, 0);
		vv__syscall(SYS_sched_getparam, 0, &had);
		r = vv__syscall(SYS_sched_setscheduler, 0, p->policy, &p->param);
		vv__syscall(SYS_sched_setscheduler, 0, before, &had);
	}
	return -r;
}

static bool has_any(const struct place *p)
{
	return p->has_cpus || p->has_attributes || p->has_policy || p->has_nice || p->has_io;
}

int vv__place_wanted(const pthread_attr_t *attr, void **place)
{
	struct place *mine = vv__me()->sched, p = {.size = sizeof p.cpus};
	int r;

	*place = NULL;
	if (mine)
		p = *mine;
	p.waits = false;
	p.is_explicit = names_policy(attr);
	if (p.is_explicit) {
		pthread_attr_getschedpolicy(attr, &p.policy);
		pthread_attr_getschedparam(attr, &p.param);
		p.has_policy = p.policy != SCHED_OTHER || (mine && mine->has_policy);
	}
	name_cpus(attr, &p);
	if (!has_any(&p) && !p.is_explicit)
		return 0;
	r = attr ? check(&p) : 0;
	if (r)
		return r;
	*place = vv__slab_get(&places);
	if (!*place)
		return EAGAIN;
	*(struct place *)*place = p;
	return 0;
}

bool vv__place_alone(const void *place)
{
	return place && has_any(place);
}

void vv__place_drop(void *place)
{
	if (place)
		vv__slab_put(&places, place);
}

void vv__place_created(struct vv_greenlet *g, void *place)
{
	g->sched = place;
	if (vv__place_alone(place))
		apply(place, vv__carrier_tid(g));
}

void vv__place_describe(struct vv_greenlet *g, pthread_attr_t *attr)
{
	const struct place *p = g->sched;

	if (!p)
		return;
	if (p->has_policy) {
		pthread_attr_setschedpolicy(attr, p->policy);
		pthread_attr_setschedparam(attr, &p->param);
	}
	if (p->is_explicit)
		pthread_attr_setinheritsched(attr, PTHREAD_EXPLICIT_SCHED);
	if (p->has_cpus)
		pthread_attr_setaffinity_np(attr, p->size, (const cpu_set_t *)p->cpus);
}

/* ---- affinity ---- */

static long get_cpus(struct vv_greenlet *g, size_t size, void *cpus)
{
	struct place *p = g->sched;
	size_t n;

	if (!p || !p->has_cpus)
		return vv__syscall(SYS_sched_getaffinity, answering_tid(g), size, cpus);
	for (n = sizeof p->cpus; n > 8 && !*(uint64_t *)(p->cpus + n - 8);)
		n -= 8;
	if (size < n || size % sizeof(long))
		return -EINVAL;
	n = size < sizeof p->cpus ? size : sizeof p->cpus;
	memcpy(cpus, p->cpus, n);
	return n;
}

static long set_cpus(struct vv_greenlet *g, size_t size, const void *cpus)
{
	uint8_t before[sizeof((struct place *)0)->cpus] = {0}, now[sizeof before] = {0};
	struct place *p;
	long r;

	if (get_cpus(g, sizeof before, before) < 0)
		return -ESRCH;
	/* The kernel says whether it is valid, and what is left of it. */
	r = vv__syscall(SYS_sched_setaffinity, answering_tid(g), size, cpus);
	if (r < 0)
		return r;
	vv__syscall(SYS_sched_getaffinity, answering_tid(g), sizeof now, now);
	if (!memcmp(before, now, sizeof now))
		return 0;
	if (!g->pinned)
		vv__syscall(SYS_sched_setaffinity, answering_tid(g), sizeof before, before);
	p = place_of(g);
	if (!p)
		return -ENOMEM;
	memcpy(p->cpus, now, sizeof now);
	p->size = sizeof now;
	p->has_cpus = true;
	place(g);
	return 0;
}

VV_EXPORT int sched_getaffinity(pid_t id, size_t size, cpu_set_t *cpus)
{
	struct vv_greenlet *g = of_id(id);
	long r;

	if (!concerns(g))
		return REAL(sched_getaffinity)(id, size, cpus);
	r = get_cpus(g, size, cpus);
	if (r >= 0)
		memset((char *)cpus + r, 0, size - r);
	return vv__errno_return(r < 0 ? r : 0);
}

VV_EXPORT int sched_setaffinity(pid_t id, size_t size, const cpu_set_t *cpus)
{
	struct vv_greenlet *g = of_id(id);

	if (!concerns(g))
		return REAL(sched_setaffinity)(id, size, cpus);
	return vv__errno_return(set_cpus(g, size, cpus));
}

VV_EXPORT int pthread_getaffinity_np(pthread_t t, size_t size, cpu_set_t *cpus)
{
	struct vv_greenlet *g = of_thread(t);
	long r;

	if (!concerns(g))
		return REAL(pthread_getaffinity_np)(t, size, cpus);
	if (ended(g))
		return ESRCH;
	r = get_cpus(g, size, cpus);
	if (r < 0)
		return -r;
	memset((char *)cpus + r, 0, size - r);
	return 0;
}

VV_EXPORT int pthread_setaffinity_np(pthread_t t, size_t size, const cpu_set_t *cpus)
{
	struct vv_greenlet *g = of_thread(t);

	if (!concerns(g))
		return REAL(pthread_setaffinity_np)(t, size, cpus);
	return ended(g) ? ESRCH : -set_cpus(g, size, cpus);
}

/* ---- policy and priority ---- */

static long get_policy(struct vv_greenlet *g, struct sched_param *param)
{
	struct place *p = g->sched;

	if (p && p->has_policy) {
		*param = p->param;
		return p->policy;
	}
	vv__syscall(SYS_sched_getparam, answering_tid(g), param);
	return vv__syscall(SYS_sched_getscheduler, answering_tid(g));
}

/* What the kernel goes by: a priority-protecting mutex may have raised it. */
static long get_effective_policy(struct vv_greenlet *g, struct sched_param *param)
{
	struct place *p = g->sched;

	if (!g->native || (p && p->waits))
		return get_policy(g, param);
	vv__syscall(SYS_sched_getparam, vv__carrier_tid(g), param);
	return vv__syscall(SYS_sched_getscheduler, vv__carrier_tid(g));
}

/* libc keeps what it was told of a thread: by that it refuses priority-protecting mutexes, and lowers what they raised. */
static int tell_libc(struct vv_greenlet *g, int policy, const struct sched_param *param)
{
	struct vv__ownership o;
	int r;

	if (g != vv__me())
		return 0;
	g->pooled = false;
	vv__own(g, &o);
	r = REAL(pthread_setschedparam)(g->thread, policy, param);
	vv__disown(g, &o, false);
	return r;
}

static long set_policy(struct vv_greenlet *g, int policy, const struct sched_param *param)
{
	struct sched_param had;
	long before = get_policy(g, &had), r;
	struct place *p;

	if (before == policy && had.sched_priority == param->sched_priority)
		return 0;
	r = vv__syscall(SYS_sched_setscheduler, answering_tid(g), policy, param);
	if (r < 0)
		return r;
	if (!g->pinned)
		vv__syscall(SYS_sched_setscheduler, answering_tid(g), before, &had);
	p = place_of(g);
	if (!p)
		return -ENOMEM;
	p->policy = policy;
	p->param = *param;
	p->has_policy = true;
	place(g);
	return 0;
}

VV_EXPORT int sched_getscheduler(pid_t id)
{
	struct vv_greenlet *g = of_id(id);
	struct sched_param param;

	return concerns(g) ? vv__errno_return(get_effective_policy(g, &param)) : REAL(sched_getscheduler)(id);
}
VV_ALIAS(__sched_getscheduler, sched_getscheduler);

VV_EXPORT int sched_setscheduler(pid_t id, int policy, const struct sched_param *param)
{
	struct vv_greenlet *g = of_id(id);

	if (!concerns(g) || !param)
		return REAL(sched_setscheduler)(id, policy, param);
	return vv__errno_return(set_policy(g, policy, param));
}
VV_ALIAS(__sched_setscheduler, sched_setscheduler);

VV_EXPORT int sched_getparam(pid_t id, struct sched_param *param)
{
	struct vv_greenlet *g = of_id(id);
	long r;

	if (!concerns(g) || !param)
		return REAL(sched_getparam)(id, param);
	r = get_effective_policy(g, param);
	return vv__errno_return(r < 0 ? r : 0);
}
VV_ALIAS(__sched_getparam, sched_getparam);

VV_EXPORT int sched_setparam(pid_t id, const struct sched_param *param)
{
	struct vv_greenlet *g = of_id(id);
	struct sched_param had;

	if (!concerns(g) || !param)
		return REAL(sched_setparam)(id, param);
	return vv__errno_return(set_policy(g, get_policy(g, &had), param));
}

VV_EXPORT int sched_rr_get_interval(pid_t id, struct timespec *ts)
{
	struct vv_greenlet *g = of_id(id);

	return REAL(sched_rr_get_interval)(concerns(g) ? answering_tid(g) : id, ts);
}

VV_EXPORT int pthread_getschedparam(pthread_t t, int *policy, struct sched_param *param)
{
	struct vv_greenlet *g = of_thread(t);
	long r;

	if (!concerns(g))
		return REAL(pthread_getschedparam)(t, policy, param);
	if (ended(g))
		return ESRCH;
	r = get_policy(g, param);
	if (r < 0)
		return -r;
	*policy = r;
	return 0;
}

VV_EXPORT int pthread_setschedparam(pthread_t t, int policy, const struct sched_param *param)
{
	struct vv_greenlet *g = of_thread(t);
	int r;

	if (!concerns(g))
		return REAL(pthread_setschedparam)(t, policy, param);
	r = ended(g) ? ESRCH : -set_policy(g, policy, param);
	return r ? r : tell_libc(g, policy, param);
}

VV_EXPORT int pthread_setschedprio(pthread_t t, int priority)
{
	struct vv_greenlet *g = of_thread(t);
	struct sched_param param;
	long policy;
	int r;

	if (!concerns(g))
		return REAL(pthread_setschedprio)(t, priority);
	if (ended(g))
		return ESRCH;
	policy = get_policy(g, &param);
	param.sched_priority = priority;
	r = -set_policy(g, policy, &param);
	return r ? r : tell_libc(g, policy, &param);
}

/* ---- the nice value ---- */

/* The kernel answers 20 - nice, so that no value looks like an error. */
static long get_nice(struct vv_greenlet *g)
{
	struct place *p = g->sched;

	return p && p->has_nice ? 20 - p->nice : vv__syscall(SYS_getpriority, PRIO_PROCESS, answering_tid(g));
}

static long set_nice(struct vv_greenlet *g, int nice)
{
	int before = 20 - get_nice(g);
	struct place *p;

	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	if (nice == before)
		return 0;
	if (nice < before) { /* raising it is a privilege: the kernel decides, and it can be taken back */
		long r = vv__syscall(SYS_setpriority, PRIO_PROCESS, answering_tid(g), nice);

		if (r < 0)
			return r;
		if (!g->pinned)
			vv__syscall(SYS_setpriority, PRIO_PROCESS, answering_tid(g), before);
	}
	p = place_of(g);
	if (!p)
		return -ENOMEM;
	p->nice = nice;
	p->has_nice = true;
	place(g);
	return 0;
}

VV_EXPORT int getpriority(__priority_which_t which, id_t id)
{
	struct vv_greenlet *g = which == PRIO_PROCESS ? of_id(id) : NULL;
	long r;

	if (!concerns(g))
		return REAL(getpriority)(which, id);
	r = get_nice(g);
	return r < 0 ? vv__errno_return(r) : 20 - r;
}

VV_EXPORT int setpriority(__priority_which_t which, id_t id, int nice)
{
	struct vv_greenlet *g = which == PRIO_PROCESS ? of_id(id) : NULL;

	return concerns(g) ? vv__errno_return(set_nice(g, nice)) : REAL(setpriority)(which, id, nice);
}

VV_EXPORT int nice(int by)
{
	struct vv_greenlet *g = vv__me();
	long r;

	if (!concerns(g))
		return REAL(nice)(by);
	r = set_nice(g, 20 - get_nice(g) + by);
	if (r < 0)
		return vv__errno_return(r == -EACCES ? -EPERM : r);
	return 20 - get_nice(g);
}

/* ---- as syscall(), what libc 2.36 has no function for, or another answer ---- */

long vv__raw_getaffinity(const long *a)
{
	struct vv_greenlet *g = of_id(a[0]);

	return concerns(g) ? get_cpus(g, a[1], (void *)a[2])
			   : vv__syscall(SYS_sched_getaffinity, a[0], a[1], a[2]);
}

long vv__raw_getpriority(const long *a)
{
	struct vv_greenlet *g = a[0] == PRIO_PROCESS ? of_id(a[1]) : NULL;

	return concerns(g) ? get_nice(g) : vv__syscall(SYS_getpriority, a[0], a[1]);
}

static long get_attributes(struct vv_greenlet *g, struct attributes *to, unsigned size, unsigned flags)
{
	struct place *p = g->sched;
	struct sched_param param;
	long r = vv__syscall(SYS_sched_getattr, answering_tid(g), to, size, flags);

	if (r < 0 || !p || g->pinned)
		return r;
	if (p->has_attributes)
		memcpy(&to->policy, &p->attributes.policy,
		    (size < sizeof *to ? FIRST_SIZE : sizeof *to) - sizeof to->size);
	if (p->has_policy) {
		to->policy = get_policy(g, &param);
		to->priority = param.sched_priority;
	}
	if (p->has_nice)
		to->nice = p->nice;
	return r;
}

long vv__raw_getattr(const long *a)
{
	struct vv_greenlet *g = of_id(a[0]);

	if (!concerns(g) || !a[1])
		return vv__syscall(SYS_sched_getattr, a[0], a[1], a[2], a[3]);
	return get_attributes(g, (void *)a[1], a[2], a[3]);
}

/* The same, except for the size and for nice values and priorities that the policy does not look at. */
static bool same(const struct attributes *a, const struct attributes *b)
{
	return a->policy == b->policy && a->flags == b->flags && a->nice == b->nice &&
	       a->priority == b->priority &&
	       (a->policy != SCHED_DEADLINE || !memcmp(&a->runtime, &b->runtime, 3 * sizeof a->runtime));
}

static long set_attributes(struct vv_greenlet *g, const struct attributes *asked, unsigned flags)
{
	struct attributes before = {0}, now = {0};
	struct place *p;
	long r;

	if (get_attributes(g, &before, sizeof before, 0) < 0)
		return -ESRCH;
	/* The kernel says whether it is valid, and what comes of it. */
	r = vv__syscall(SYS_sched_setattr, answering_tid(g), asked, flags);
	if (r < 0)
		return r;
	vv__syscall(SYS_sched_getattr, answering_tid(g), &now, sizeof now, 0);
	if (same(&before, &now) && !(asked->flags & UTIL_CLAMP))
		return 0;
	if (!g->pinned)
		vv__syscall(SYS_sched_setattr, answering_tid(g), &before, 0);
	p = place_of(g);
	if (!p)
		return -ENOMEM;
	p->attributes = now;
	if (asked->flags & UTIL_CLAMP) {
		p->attributes.flags |= asked->flags & UTIL_CLAMP;
		p->attributes.util_min = asked->util_min;
		p->attributes.util_max = asked->util_max;
	}
	p->has_attributes = true;
	p->has_policy = p->has_nice = false;
	place(g);
	return 0;
}

long vv__raw_setattr(const long *a)
{
	struct vv_greenlet *g = of_id(a[0]);

	if (!concerns(g) || !a[1])
		return vv__syscall(SYS_sched_setattr, a[0], a[1], a[2]);
	return set_attributes(g, (void *)a[1], a[2]);
}

long vv__raw_ioprio_get(const long *a)
{
	struct vv_greenlet *g = a[0] == IOPRIO_PROCESS ? of_id(a[1]) : NULL;

	if (!concerns(g))
		return vv__syscall(SYS_ioprio_get, a[0], a[1]);
	return g->sched && ((struct place *)g->sched)->has_io
		   ? ((struct place *)g->sched)->io
		   : vv__syscall(SYS_ioprio_get, a[0], answering_tid(g));
}

long vv__raw_ioprio_set(const long *a)
{
	struct vv_greenlet *g = a[0] == IOPRIO_PROCESS ? of_id(a[1]) : NULL;
	long before, r;
	struct place *p;

	if (!concerns(g))
		return vv__syscall(SYS_ioprio_set, a[0], a[1], a[2]);
	before = vv__syscall(SYS_ioprio_get, a[0], answering_tid(g));
	r = vv__syscall(SYS_ioprio_set, a[0], answering_tid(g), a[2]);
	if (r < 0)
		return r;
	if (!g->pinned)
		vv__syscall(SYS_ioprio_set, a[0], answering_tid(g), before);
	p = place_of(g);
	if (!p)
		return -ENOMEM;
	p->io = a[2];
	p->has_io = true;
	place(g);
	return 0;
}
