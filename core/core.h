/*
 * The core as the interposers see it: greenlets, parking, waiting, hopping. Hidden from programs (vv__).
 *
 * Ownership. One word, hub->running, says who may touch the hub: the greenlet that runs program code on it, or
 * null while Vervet itself is at work. vv__enter takes it from the running greenlet to null, vv__leave gives it
 * back; between the two a greenlet is `inside`: it may touch the run queue, timers and descriptor table, no
 * signal handler of the program runs, and the monitor cannot take the hub away. A greenlet that finds the word
 * taken has been handed over: vv__enter then moves it back to the hub before it returns.
 *
 * Conventions: results are 0 or positive, or a negative errno; errno itself is never touched. Times are absolute
 * nanoseconds on CLOCK_MONOTONIC; a past one means "try once", VV__FOREVER never ends.
 */
#ifndef VV_CORE_H
#define VV_CORE_H

#include "context.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VV__FOREVER INT64_MAX
#define vv__likely(x) __builtin_expect(!!(x), 1)
#define vv__unlikely(x) __builtin_expect(!!(x), 0)
#define vv__slow __attribute__((noinline, cold)) /* keeps its frame and code out of the caller's */

struct vv_greenlet;
struct vv__hub;
struct vv__carrier;
struct vv__bucket;

enum vv__state {
	VV__FREE,     /* a record (and perhaps a shell) waiting to be used */
	VV__RUNNABLE, /* on the run queue or the inbox */
	VV__RUNNING,  /* runs program code, on the hub or on a carrier of its own */
	VV__PARKED,   /* waits */
	VV__HOPPING,  /* in a blocking call on a spare carrier */
	VV__DONE,     /* ended; not yet joined */
};

enum vv__wait_state { VV__QUEUED = 1, VV__WOKEN, VV__TIMED_OUT };

enum vv__wait_kind { VV__WAIT_ADDRESS = 1, VV__WAIT_FDS, VV__WAIT_TIME, VV__TIMER };

/* How a wait may end early. */
enum {
	VV__EINTR = 1,	 /* a signal handler that ran ends it with -EINTR ... */
	VV__RESTART = 2, /* ... unless every handler that ran was installed with SA_RESTART */
	VV__CANCEL = 4,	 /* a cancellation point: a pending pthread_cancel ends it with -ECANCELED */
	VV__API = 16,	 /* a call of the public API: ends with the raised error itself, see vv__raise */
	VV__SINCE = 8,	 /* a handler that ran since the caller set g->handled to 0 counts, too */
};

/* One descriptor of a wait: member of the descriptor's queue. */
struct vv__fd_node {
	struct vv__wait *wait;
	struct vv__fd_node *next, *prev;
	int fd;
	short events; /* POLLIN, POLLOUT, POLLPRI asked for */
	bool queued;
};

/*
 * A wait in progress. Lives in the greenlet's record, never on its stack. A signal handler that interrupts a
 * wait and waits itself uses a second one (g->wait points to the innermost).
 *
 * Protocol: the greenlet sets its state to VV__PARKED, then queues the wait; whoever satisfies the wait changes
 * `state` from VV__QUEUED (under the bucket's lock for address waits, inside the hub for the others), takes it
 * off its queue and calls vv__ready. The greenlet looks at `state` again after every resume, so a wake too many
 * does no harm.
 */
struct vv__wait {
	struct vv_greenlet *g;
	struct vv__wait *outer; /* the wait that a signal handler interrupted */
	_Atomic uint8_t state;
	uint8_t kind;
	bool api;	     /* VV__API was among the flags */
	uint32_t heap_index; /* place in the hub's heap + 1; 0: not there */
	int64_t deadline;    /* VV__FOREVER: none */
	int64_t since;	     /* when it began, as the hub's clock was */
	uintptr_t frame;     /* stack pointer where it began */
	const void *key;     /* address waited for */
	const char *what;    /* in words, for reports: "mutex", "read" ... */
	struct vv__fd_node *nodes; /* VV__WAIT_FDS: one per descriptor */
	struct vv__fd_node node1;  /* the usual single one */
	uint32_t nnodes;
	uint32_t cap;			   /* of many */
	struct vv__fd_node *many;	   /* room for more, kept for the next time */
	struct vv__wait *next, *prev;	   /* bucket's queue */
	uintptr_t tag;			   /* caller's: tells kinds of waiters on one address apart */
	uint64_t turn;			   /* when it first queued up: order among waiters that come again */
	uint64_t order;			   /* ties between equal deadlines */
	void (*expire)(struct vv__wait *); /* VV__TIMER: called in the hub when the deadline is reached */
	int64_t wall; /* if there is a deadline: the time on CLOCK_REALTIME that it stands for, 0: none */
};

typedef void *(*vv__start_fn)(void *);

/*
 * A greenlet. Records come from a slab that is never unmapped: a stale pointer is safe to look at.
 *
 * With thousands of greenlets every line of a record is a cache miss at each turn, so what a turn touches comes first:
 * VV__HOT bytes, which the hub fetches ahead.
 */
struct vv_greenlet {
	struct vv__context ctx;
	struct vv__hub *hub;
	struct vv_greenlet *next; /* run queue or inbox */
	_Atomic uint8_t state;
	volatile uint8_t inside; /* in a Vervet critical section: handlers are kept for later */
	bool holds;		 /* entered: hub->running is null on our behalf */
	bool is_hub;		 /* the pseudo greenlet of hub and idle carriers */
	bool cooperative;	 /* made by vv_spawn: never handed over */
	bool hog;		 /* known for long stretches: resume on a carrier of its own */
	bool foreign;		 /* a kernel thread that libc or the program made behind our back */
	bool hopped;		 /* on a carrier of its own until vv__hop_back */
	bool rejoins;		 /* on its way back: must be resumed with the hub, hog or not */
	bool fresh;		 /* never resumed yet */
	bool away;		 /* handed over or hopping: counted in hub->away */
	bool pinned;		 /* native for good */
	bool pooled;		 /* its shell has the usual size and may be used again */
	_Atomic uint8_t asked;	 /* VV__GO or VV__COME_BACK: what core/lend.c wants of it */
	uint8_t native;		 /* > 0: pinned to its kernel thread; blocking calls are the real ones */
	uint8_t handled;	 /* VV__HANDLED_*: what ran during the present wait */
	struct vv__carrier *carrier; /* which kernel thread runs it */
	struct vv__wait *wait;	     /* innermost wait, or null */

	uint64_t id; /* 1 is main; never used again */
	uint64_t switches;
	uint64_t mask;		  /* the program's signal mask, kernel layout (bit n-1) */
	_Atomic uint64_t pending; /* signals directed at this greenlet and kept: see interpose/signal.c */
	_Atomic int *cancel;	  /* VV__CANCEL_* bits, in the thread control block */
	_Atomic int raised;	  /* error that ends the present or the next cancellable wait */
	unsigned owned;		  /* locks held that bear its carrier's id: see interpose/owner.c */
	struct vv__slice *slice;  /* core/slice.c: shares main's stack */
	stack_t alt_stack;	  /* size 0: none */
	struct vv__wait wait1;	  /* the usual one */

	_Atomic int native_futex; /* where a native greenlet parks */
	uintptr_t hop_frame;	  /* stack pointer where it became native */
	int64_t stretch_start;	  /* when it was handed over or resumed on a carrier of its own */
	int64_t made;		  /* when it was made */
	_Atomic int64_t cpu_ns;	  /* CPU time charged to it: core/cpuclock.c */
	int64_t user_ns;	  /* how much of what getrusage has told was user time */
	int64_t told_ns;
	uint64_t fork_mask;	  /* the kernel's, kept across fork by interpose/process.c */
	void *signal_data;	  /* interpose/signal.c's */

	/* life cycle: see core/greenlet.c and interpose/thread.c */
	_Atomic int unborn; /* its shell's kernel thread has not gone yet: ctx is not valid */
	pthread_t thread;
	int tid; /* what gettid answers */
	vv__start_fn fn;
	void *arg;
	void *value;
	_Atomic int join_state; /* VV__JOINABLE ... */
	struct vv_greenlet *joiner;
	char name[16];
	void *dtors;		       /* C++ thread_local destructors, newest first */
	uint8_t shell_class;	       /* of a vv greenlet's shell: see core/shell.c; 0: glibc's own */
	size_t stack_size, guard_size; /* of its shell */
	bool lent; /* native until it is called back: core/lend.c */
	bool lent_at_birth;
	uint32_t lend_turns; /* how many it had had when they were noted */
	bool unwound; /* ended by pthread_exit or cancellation: its shell is not used again */
	bool behind; /* stayed behind in the parent that forked this process */
	struct vv_greenlet *bystands; /* in whose place while vfork's child shares memory: nothing is noted */
	bool traces; /* pinned since it may trace others, or the like: what it makes need not be */
	void *stack;		       /* if it is one of core/stack.c */
	struct vv_greenlet *all_next, *all_prev;
	void *carrier_robust; /* the robust list that its carrier had before */
	void *sched;	      /* interpose/sched.c's */
	const void *writes[4]; /* interpose/rwlock.c's: process-shared locks that it writes */
	void *locals;	      /* greenlet locals of the public API */
	void *user;	      /* the public API's own part */
	int64_t wall, wall_deadline; /* the last answer of vv__wall_deadline, */
	uint32_t wall_sets;	     /* and how often the clock had been set */
};

enum { VV__HOT = 256 };
_Static_assert(offsetof(struct vv_greenlet, wait1.many) <= VV__HOT, "a turn touches more than the hot part");

enum { VV__HANDLED_RESTART = 1, VV__HANDLED_INTERRUPT = 2 };

/*
 * Cancellation state is glibc's own word in the thread control block (nptl/descr.h, cancelhandling), to which g->cancel
 * points: its cancellation points, pthread_setcancelstate and ours all look at the same bits.
 */
enum {
	VV__CANCEL_DISABLED = 1,
	VV__CANCEL_ASYNC = 2, /* the type, or inside a cancellation point of libc's */
	VV__CANCEL_CANCELED = 8,
	VV__CANCEL_EXITING = 16,
};

static inline bool vv__cancel_pending(struct vv_greenlet *g)
{
	return (atomic_load_explicit(g->cancel, memory_order_relaxed) &
		   (VV__CANCEL_CANCELED | VV__CANCEL_DISABLED | VV__CANCEL_EXITING)) == VV__CANCEL_CANCELED;
}

/* ---- who calls -------------------------------------------------------------------------------------- */

extern __thread struct vv_greenlet *vv__self __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Number of greenlets that share the hub. 1: nothing else can run, blocking calls are the real ones. */
extern _Atomic int vv__live;

/* The hub exists: greenlets run on carriers. */
extern _Atomic int vv__started;

struct vv_greenlet *vv__adopt(void);

/* The calling greenlet; never null. The first call of a thread (main, or one made behind our back) adopts it
 * and starts the library if nobody has. */
static inline struct vv_greenlet *vv__me(void)
{
	struct vv_greenlet *g = vv__self;

	return vv__likely(g != NULL) ? g : vv__adopt();
}

/* What the monitor asks of a greenlet, which does it at its next call that may block. */
enum { VV__STAY, VV__GO, VV__COME_BACK };

/* The calling greenlet has been asked: go to a carrier of its own, or back to the hub. */
void vv__relocate(struct vv_greenlet *g);

static inline bool vv__asked(struct vv_greenlet *g)
{
	return vv__unlikely(atomic_load_explicit(&g->asked, memory_order_relaxed));
}

/* True if a blocking call of g, which calls, is to be the real one: nothing else shares its kernel thread. */
static inline bool vv__direct(struct vv_greenlet *g)
{
	if (vv__asked(g))
		vv__relocate(g);
	return g->native || atomic_load_explicit(&vv__live, memory_order_relaxed) <= 1;
}

/* True in the hub itself, in idle carriers and the monitor: pass every call straight on. */
static inline bool vv__is_hub(const struct vv_greenlet *g)
{
	return g->is_hub;
}

/* ---- the hub ---------------------------------------------------------------------------------------- */

/* Become inside. May move the greenlet back to the hub first. Not for native greenlets. */
void vv__enter(struct vv_greenlet *g);
/* Back to program code; runs kept signal handlers. */
void vv__leave(struct vv_greenlet *g);

/* Go to the tail of the run queue. Blocks: this greenlet, until all that were ready have run. */
void vv__yield(void);
void vv__told(void); /* the caller has written to a pipe or the like: a thread that is parked on it may be ready */
void vv__yield_to_woken(void); /* the caller has just woken a thread that may be parked on a descriptor */

/* Park until deadline. Returns 0 when it is reached, -EINTR, -ECANCELED. */
int vv__sleep_until(int64_t deadline, unsigned flags);

int64_t vv__now(void);

/* libc's clock_gettime, whatever time another preload shows to the program. */
extern int (*vv__libc_clock)(clockid_t clock, struct timespec *t);

/* The deadline for a time on CLOCK_REALTIME. The caller's next waits with this deadline follow when that clock is set. */
int64_t vv__wall_deadline(int64_t wall);

/* ---- parking on an address -------------------------------------------------------------------------- */

struct vv__park {
	const void *key;       /* the address */
	uintptr_t tag;	       /* any number; vv__wake_tagged looks at it */
	int64_t deadline;      /* VV__FOREVER or absolute */
	unsigned flags;	       /* VV__EINTR ... */
	uint64_t *turn;        /* keeps the place in the queue of a waiter that was woken and came too late; starts as 0 */
	const char *what;      /* for reports */
	bool (*valid)(void *); /* called under the bucket's lock before sleeping; false: do not sleep */
	void (*then)(void *);  /* called once queued, outside the lock, still inside (unlock the mutex) */
	void *arg;	       /* of both */
};

/*
 * Park on p->key until vv__wake. Works for every kind of greenlet (native ones sleep on a futex).
 * Returns 0 woken, -EAGAIN valid said no, -ETIMEDOUT, -EINTR, -ECANCELED.
 */
int vv__park_on(const struct vv__park *p);

/* Wake up to n waiters of key, first come first served. Returns how many. Never blocks; callable from anywhere,
 * signal handlers included. A key without waiters costs one load. */
int vv__wake(const void *key, int n);
/* The same, only waiters with this tag. */
int vv__wake_tagged(const void *key, uintptr_t tag, int n);
/* The same, only waiters whose tag shares a bit with mask (futex bitsets). */
int vv__wake_masked(const void *key, uintptr_t mask, int n);
/* Wake up to nwake waiters of from, move up to nmove of the rest to the tail of to. Returns woken + moved.
 * valid(arg) is called with both buckets locked; if it says no: -EAGAIN and nothing happens. */
int vv__requeue(const void *from, const void *to, int nwake, int nmove, bool (*valid)(void *), void *arg);
/* A new object begins at this address. Who still waits for an old one there waits on, but the new one has nothing to do
 * with it, as in libc, whose objects count their waiters. */
void vv__forget_waiters(const void *key);
/* How many wait on key (with that tag, if tag is not 0). Takes the bucket's lock only if the bucket is in use. */
int vv__waiters(const void *key, uintptr_t tag);

/* The same by a greenlet that has entered already; returns outside. Not for native greenlets. */
int vv__park_entered(struct vv_greenlet *g, const struct vv__park *p);

/* ---- waiting for descriptors ------------------------------------------------------------------------ */

/*
 * Park until one of events (POLLIN, POLLOUT, POLLPRI) may be there on fd. Hang-up and errors always count.
 * Returns 0 (try again now), -ETIMEDOUT, -EINTR, -ECANCELED, -EBADF, or -EPERM: fd cannot be polled (a regular
 * file). Spurious returns are allowed: the caller attempts and waits again.
 * If *fd is closed or replaced under the wait, the wait goes on for the old file as in the kernel, and *fd is then a
 * private descriptor for it, to be given to vv__fd_done after the call's last attempt.
 */
int vv__wait_fd(int *fd, short events, int64_t deadline, unsigned flags, const char *what);
void vv__fd_done(int original, int fd);

struct pollfd;
/* poll with time-out 0, as the kernel answers it. */
long vv__poll_once(struct pollfd *fds, unsigned long n);
/* Park until one of the descriptors is ready (negative ones are ignored). Returns as vv__wait_fd; which are ready
 * is for a real poll with time-out 0 to say. Descriptors that cannot be polled count as ready. */
int vv__wait_fds(
    const struct pollfd *fds, unsigned long n, int64_t deadline, unsigned flags, const char *what);

/* Call before a descriptor number goes away (close, dup2 over it, close_range, fclose ...). */
void vv__fd_closing(int fd);
void vv__fd_closing_range(unsigned first, unsigned last);
/* Move fd to a high number with close-on-exec, out of the way of the program's. Returns the new number. */
int vv__hub_fd(int fd);
/* True if fd is one of Vervet's own: the program's sweeps must leave it alone. */
bool vv__fd_is_ours(int fd);
/* The lowest of Vervet's own descriptors from `first` on, or -1. */
int vv__fd_ours_from(unsigned first);
/* The program wants the number fd for itself: if it is one of Vervet's own, that moves elsewhere. */
void vv__fd_give_up(int fd);

/* ---- hop -------------------------------------------------------------------------------------------- */

/*
 * Move to a spare carrier for a call that blocks the kernel thread; then move back. Between the two the greenlet is
 * native: nested Vervet calls are the real ones. Nests. Direct greenlets stay where they are.
 */
void vv__hop(void);
void vv__hop_back(void);
/* The same for a wait in which the kernel is to find main as the process's main thread: signals for the process. */
void vv__hop_home(void);

/* Make the greenlet native for good: it gets a kernel thread of its own (namespaces, affinity ...). */
void vv__pin(void);
/* For a native greenlet: its kernel thread ends as soon as the greenlet has left it. False: the first one never does. */
bool vv__carrier_spoil(void);

/* ---- greenlets -------------------------------------------------------------------------------------- */

/* What core needs of libc and of the shim; filled before anything else by vv__core_init. */
struct vv__hooks {
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*pthread_join)(pthread_t, void **);
	int (*key_create)(pthread_key_t *, void (*)(void *));
	int (*key_delete)(pthread_key_t);
	int (*setspecific)(pthread_key_t, const void *);
	void (*pthread_exit)(void *);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	void (*run_handlers)(struct vv_greenlet *);  /* run kept signal handlers (program code) */
	bool (*deliverable)(struct vv_greenlet *);   /* has g a kept signal that it does not block? */
	/* this kernel thread is about to unblock signals of set: those that wait there are the greenlet's */
	void (*save_pending)(struct vv_greenlet *, uint64_t id, uint64_t set);
	void (*hub_signals)(struct vv__hub *);	     /* hub: hand out kept process signals */
	void (*greenlet_ends)(struct vv_greenlet *); /* thread_local and key destructors (program code) */
	void (*vv_ends)(struct vv_greenlet *);	     /* the public API's part of an end, or null (program code) */
	int (*patched)(const char *family); /* 1, 0 or -EINVAL: no such family */
	bool (*may_be_signalled)(void);		     /* could a signal handler still wake somebody? */
	void (*started)(void);			     /* there are carriers now */
};
extern struct vv__hooks vv__hooks;

/* Has g a kept signal to handle now? g->pending is non-zero whenever anything is kept for g. */
static inline bool vv__has_signals(struct vv_greenlet *g)
{
	return vv__unlikely(atomic_load_explicit(&g->pending, memory_order_relaxed)) &&
	       vv__hooks.deliverable(g);
}

void vv__core_init(const struct vv__hooks *hooks);

/* The program wants every key there is: it gets ours too. Foreign threads that end later leave their records behind. */
bool vv__give_up_key(pthread_key_t *key);

/*
 * Make a thread greenlet that will call fn(arg), attr as for pthread_create, and put it on the run queue. An `alone` one
 * runs at once on a kernel thread of its own, made by the caller's, whose attributes it has. Before it runs, *thread is
 * set and prepare called, if they are not null; vv__carrier_tid answers then where an alone one will run.
 * Returns 0 with *out set, a positive error number as pthread_create would (EAGAIN, EINVAL, EPERM), or ENOENT: there is
 * no hub and none could be made, the caller is to make a kernel thread.
 */
struct vv__birth {
	const pthread_attr_t *attr;
	vv__start_fn fn;
	void *arg;
	int join_state;
	bool alone;
	pthread_t *thread;
	void (*prepare)(struct vv_greenlet *, void *data);
	void *data; /* of prepare */
};
int vv__spawn(struct vv_greenlet **out, const struct vv__birth *b);

/* The default attributes of new threads are others now. */
void vv__usual_changed(void);

/* VV__ENDED is a bit beside the others, set once: who finds it, or sets it and finds VV__DETACHED, puts the greenlet away. */
enum { VV__JOINABLE, VV__JOINING, VV__DETACHED, VV__ENDED = 4 };

/* End the running greenlet, whose frames need no unwinding; the others go on. */
void vv__end_here(void) __attribute__((noreturn));

/* Park until g is done. 0, -ETIMEDOUT, -EINTR, -ECANCELED; does not release g. */
int vv__join(struct vv_greenlet *g, int64_t deadline, unsigned flags);
/* The program is about to tell the kernel which calls it may make (seccomp). Threads that it makes from then on stay kernel
 * threads: a greenlet's birth needs calls that the program had no reason to allow. Waits for births under way. */
extern _Atomic bool vv__filtered;
void vv__filter_begins(void);
/* Give a done greenlet (or one that will never be joined) back for recycling. */
void vv__release(struct vv_greenlet *g);

/*
 * Make a vv greenlet: cooperative, on a shell of its own kind with stack bytes of stack. It will call fn with a copy of the
 * size bytes at data. It is not known to the hub until vv__go, after which it runs once its turn comes. Null if out of
 * memory. vv__drop gives back one that was never run.
 */
struct vv_greenlet *vv__light(size_t stack, vv__start_fn fn, const void *data, size_t size);
void vv__go(struct vv_greenlet *g);
void vv__drop(struct vv_greenlet *g);

/* End the calling greenlet as pthread_exit does: clean-up handlers and C++ destructors run. */
void vv__unwind(struct vv_greenlet *g, void *value) __attribute__((noreturn));

/* The greenlet behind a pthread_t of this process, or null for a kernel thread that is not ours. */
struct vv_greenlet *vv__of_thread(pthread_t t);
struct vv_greenlet *vv__main_greenlet(void);
void vv__set_main(struct vv_greenlet *g);
/* Call fn on every greenlet until it returns non-zero; returns that. A lock is held: fn must not block. */
int vv__each(int (*fn)(struct vv_greenlet *, void *), void *arg);
struct vv_greenlet *vv__of_tid(int tid);

/* Resume a parked greenlet so that it looks at its signals or its cancellation; its wait stays queued. A greenlet
 * that runs elsewhere is left alone (the caller sends its carrier a signal). Callable from anywhere. */
void vv__interrupt(struct vv_greenlet *g);
/* End g's present or next cancellable wait with error (positive): -ETIME for interposed calls, -error for VV__API ones.
 * Callable from anywhere. */
void vv__raise(struct vv_greenlet *g, int error);

/* Call w->expire(w) in the hub at deadline. The caller owns w and has entered; zeroed w is idle. 0 or -ENOMEM. */
int vv__timer_start(struct vv__wait *w, int64_t deadline, void (*expire)(struct vv__wait *));
/* No call any more, whether or not it was started. */
void vv__timer_stop(struct vv__wait *w);

/* CPU time that g has used, as long as the hub is started; not for foreign ones and slices. Exact from the first call on,
 * after which switches cost more. Async-signal-safe. */
int64_t vv__cpu_time(struct vv_greenlet *g);
/* The same of a kernel thread, or -1. */
int64_t vv__kernel_cpu_time(int tid);

/* Kernel thread id that runs g now, or 0 if it is parked. */
int vv__carrier_tid(struct vv_greenlet *g);
/* The thread pointer of the thread that libc takes the calling kernel thread for, whoever runs on it. For signal handlers. */
uintptr_t vv__kernel_thread_pointer(void);
/* Kernel thread id that runs the hub. */
int vv__hub_tid(void);

/* The kernel thread id inside glibc's thread control block. */
int vv__tcb_tid(struct vv_greenlet *g);
void vv__tcb_set_tid(struct vv_greenlet *g, int tid);
/* Where it is, for a fork that is not libc's. g runs on the kernel thread it was born on. */
int *vv__tcb_tid_word(struct vv_greenlet *g);

/* Record a new signal mask of g (kernel layout), and make it the kernel's for the calling kernel thread. Async-signal-safe. */
void vv__set_mask(struct vv_greenlet *g, uint64_t mask);
/* The same when the kernel has it already (entering and leaving a handler). */
void vv__note_mask(struct vv_greenlet *g, uint64_t mask);
/* From now on signals may come whose order matters: two kernel threads must not get them at once for one greenlet. */
void vv__keep_signals_in_order(void);
/* The kernel has this alternate signal stack for g's kernel thread now. From the first one on, every carrier gets the stack
 * of the greenlet that it runs. */
void vv__note_alt_stack(struct vv_greenlet *g, const stack_t *stack);
/* Make the hub look at its inbox soon, at its inbox and at kept signals. Async-signal-safe. */
void vv__hub_poke(void);
void vv__hub_signal(void);
/* A jump to a frame at stack pointer `target` leaves waits and hops behind: end those. [low, high) is the alternate signal
 * stack, if any. May leave this kernel thread. */
void vv__abandon(struct vv_greenlet *g, uintptr_t target, uintptr_t low, uintptr_t high);
/* All of them. */
void vv__abandon_waits(struct vv_greenlet *g);

/* The calling kernel thread is about to become a parent. */
void vv__fork_begins(void);
/* dl_iterate_phdr, but not while another thread forks: the second and third are around a fork, in the parent. */
struct dl_phdr_info;
int vv__each_object(int (*look)(struct dl_phdr_info *, size_t, void *), void *arg);
void vv__objects_begin(void);
void vv__objects_end(void);
/* The child side of fork: forget hub, carriers and every greenlet but the caller, who becomes main. shares_files: the parent
 * goes on with the same table of descriptors. */
void vv__fork_child(bool shares_files);

/* ---- configuration, statistics, reports --------------------------------------------------------------- */

struct vv__config {
	int64_t handover_ns; /* 0: never */
	bool stats;
	bool quiet;    /* no "would block forever" report */
	int report_fd; /* where reports go: 2 */
	enum { VV__LEND_AUTO, VV__LEND_NEVER, VV__LEND_ALWAYS } lend; /* to other cores; always: for tests */
	int64_t stall_ns; /* report one that cannot be handed over after so long; 0: never */
	int dump_signal;  /* 0: none */
	bool overflow;	  /* say which greenlet's stack was exhausted */
	const char *trace;   /* file; null: none */
	const char *metrics; /* file or unix:file; null: none */
	char directory[PATH_MAX]; /* of the library; the command is there or in ../bin */
};
extern struct vv__config vv__config;

struct vv__stats {
	_Atomic uint64_t created, ended, peak, switches, parks, hops, handovers, rejoins, carriers,
	    carriers_peak;
	_Atomic uint64_t loops, shells, recycled, lent;
	_Atomic int64_t longest_stall_ns;
};
extern struct vv__stats vv__stats;
#define vv__count(name) atomic_fetch_add_explicit(&vv__stats.name, 1, memory_order_relaxed)

/* A place where greenlets slept in a system call when the hub was taken from them, and the top of the first one's stack, which
 * tells who called. The i-th, or null. */
enum { VV__UNHOOKED = 64 };
struct vv__unhooked {
	uint64_t pc, sp, count;
	int32_t number; /* of the system call */
	uint32_t bytes;
	char stack[2048];
};
const struct vv__unhooked *vv__unhooked(int i);

/* Have the vervet command, with these words and our process id, write to where reports go. Async-signal-safe. Returns the
 * command's process id (it is nobody's child here), or 0. */
long vv__report_by_command(const char *const *words);
/* Until it has ended, a minute at most. */
void vv__report_await(long pid);
void vv__report_signal(int signal);

/* n in decimal, 21 bytes at most with the end mark that follows; returns where that is. */
char *vv__put_decimal(char *to, unsigned long n);
/* Open "/stat" or the like of kernel thread tid of this process. Returns the descriptor, or a negative errno. */
long vv__open_of_thread(int tid, const char *file);
/* printf-like (only %s %d %u %x %p %ld %lu %c), one raw write to the report descriptor; safe everywhere. */
void vv__log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A broken invariant: one line, then abort. */
void vv__die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Raw system call: no errno, no interposition. */
#define vv__syscall(...) vv__syscall_pick(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define vv__syscall_pick(n, a, b, c, d, e, f, ...)                                                           \
	vv__syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline long vv__syscall6(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef __x86_64__
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
	    : "=a"(result)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return result;
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#endif
}

/* Memory that never comes from malloc. Records of one size, recycled; safe from every thread. */
struct vv__slab {
	_Atomic int lock;
	uint32_t size;
	void *free;
	char *fresh, *end;
};
void *vv__slab_get(struct vv__slab *slab); /* zeroed; null if out of memory */
void vv__slab_put(struct vv__slab *slab, void *p);
void *vv__pages(size_t bytes); /* zeroed pages; null if out of memory */
void *vv__pages_to_spare(size_t bytes); /* the same, but leaves the reserve to what cannot do without */

/* A short lock: spins, then lets the kernel run somebody else. Only with `inside` set. */
void vv__lock(_Atomic int *lock);
void vv__unlock(_Atomic int *lock);

#endif
