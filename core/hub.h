/*
 * The hub, its carriers and shells as the core's own files see them. Interposers include core.h only.
 */
#ifndef VV_HUB_H
#define VV_HUB_H

#include "core.h"
#include "deadline.h"

/* The CPU clock of a carrier: core/cpuclock.c. */
enum { VV__TURNS = 32 };
struct vv__cpu_clock {
	_Atomic int lock;
	struct vv_greenlet *of; /* whose time it is; null: nobody's, or not known */
	uint64_t of_id;
	int64_t charged;  /* so much of the kernel thread's time has been shared out, */
	uint64_t counter; /* which was when the CPU's counter said this */
	unsigned n;	  /* turns since */
	struct vv__turn {
		struct vv_greenlet *g;
		uint64_t id, end;
	} turns[VV__TURNS];
};

/*
 * A kernel thread on which greenlets run. One at a time carries the hub; the others run a handed-over or hopping
 * greenlet, or sleep in vv__carrier_idle on a stack of their own until they are given a job. `post` is the greenlet
 * that has just left for good (rejoin): it is published only from the idle stack, when its registers are saved.
 */
struct vv__carrier {
	struct vv__context idle;
	_Atomic(void *) job; /* a greenlet, VV__JOB_HUB or VV__JOB_END */
	_Atomic int futex;
	bool parent; /* forked: never ends before the program, children may ask to die with it (PR_SET_PDEATHSIG) */
	struct vv__carrier *next; /* spare list */
	struct vv_greenlet *post;
	int tid;
	_Atomic int stat; /* descriptor of its /proc/.../stat, 0: none */
	uint64_t mask;	    /* signal mask the kernel has for it */
	struct vv_greenlet *owner; /* program code of this one ran on it last */
	uint64_t owner_id;
	bool spoiled;	    /* has attributes that its greenlet gave it: not to be used again */
	stack_t alt_stack; /* and the alternate signal stack; size 0: none */
	struct vv__cpu_clock clock;
	stack_t spare_stack; /* for overflow.c, where a greenlet has none; size 0: not wanted */
};

#define VV__JOB_HUB ((void *)1)

struct vv__hub {
	_Atomic(struct vv_greenlet *) running; /* see core.h */
	struct vv__context ctx;		       /* the hub's own, while a greenlet runs */
	struct vv__carrier *carrier;
	struct vv_greenlet *head, *tail; /* run queue */
	_Atomic uint32_t ready;		 /* its length */
	uint32_t budget;		 /* direct switches until the next look at libev */
	_Atomic uint64_t ticks;		 /* dispatches: the monitor sees progress by it */
	_Atomic uint64_t yields;	 /* likewise, sched_yield's */
	uint64_t ticks_seen, yields_seen; /* at the last look at events */
	int64_t offered;		  /* when vv__yield_to_woken last let others run */
	_Atomic bool told;		  /* vv__told was called since the last look at events */
	struct vv__heap heap;
	int64_t now;			     /* when it last looked at the clock */
	_Atomic int64_t earliest;	     /* of the heap, for the monitor */
	_Atomic(struct vv_greenlet *) inbox; /* greenlets made ready by others, newest first */
	_Atomic int sleeping;		     /* in epoll_wait: a poke is needed */
	_Atomic int signals;		     /* kept process signals are waiting */
	int wake_fd;
	int poll_fd;		     /* libev's epoll descriptor */
	int clock_fd;		     /* readable when CLOCK_REALTIME has been set; 0: nobody has waited by it */
	uint32_t clock_sets;	     /* how often it has been */
	uint32_t fd_waits;	     /* descriptors being waited for */
	_Atomic int away;	     /* greenlets that hop or were handed over */
	struct vv_greenlet *hop;     /* wants to hop: the hub acts once its registers are saved */
	struct vv_greenlet *ended;   /* has ended, likewise */
	struct vv_greenlet *slice;   /* wants to branch or to end, likewise */
	bool leave_alt_stack;	     /* the carrier must not have the alternate stack of who has left it */
	struct vv_greenlet *pool;    /* ended greenlets whose shells may be used again */
	struct vv_greenlet *discard; /* ended ones whose shells may not */
	uint32_t pool_n;
	uint32_t births;     /* shells made by one greenlet ... */
	uint64_t births_at;  /* ... while this was the number of ticks */
	_Atomic uint64_t idle_mask; /* signals that every greenlet blocks; perhaps not all of them */
	_Atomic int masks_dirty;    /* it might be all of them */
	_Atomic bool masked;	    /* some greenlet has blocked a signal */
	uint32_t masks_rest;	    /* turns of the loop before it is worked out again */
	struct vv_greenlet *opener; /* blocked none but those when they were worked out */
	bool doubt;            /* asleep with nothing to wait for: set false when that has lasted */
	char idle; /* its address: waits until nobody else has anything to do */
	bool blocked_reported;
	struct vv_greenlet self; /* the hub's own pseudo greenlet */
};

extern struct vv__hub vv__hub;

/* greenlet.c: as vv__live, without those that are about to end: of two that end at once one is the last. */
extern _Atomic int vv__lively;

/* base.c */
void vv__locks_forked(void);

/* hub.c */
int vv__hub_start(struct vv_greenlet *main);
void vv__hub_loop(void *unused) __attribute__((noreturn));
void vv__hub_poke(void);
void vv__suspend(struct vv_greenlet *g);
void vv__ready(struct vv_greenlet *g);
void vv__push(struct vv__hub *h, struct vv_greenlet *g);
void vv__inbox_push(struct vv__hub *h, struct vv_greenlet *g);
bool vv__try_enter(struct vv_greenlet *g);
void vv__regain(struct vv_greenlet *g);
int vv__deadline_arm(struct vv__wait *w);
/* w has a deadline: is it the one that vv__wall_deadline gave to its greenlet? */
void vv__wall_begin(struct vv__wait *w);
/* CLOCK_REALTIME has been set. */
void vv__wall_moved(struct vv__hub *h);
int64_t vv__deadline_of_wall(int64_t wall);
extern int64_t (*vv__wall_now)(void); /* for tests: no clock can be set there */
void vv__deadline_disarm(struct vv__wait *w);
int vv__hub_dup(int fd);
void vv__fd_own(int fd, _Atomic int *where);
void vv__fd_disown(_Atomic int *where);
void vv__fd_disown_all(void);
void vv__fd_leave_all(void);

/* A greenlet of this mask has come: what it does not block, the hub must not block. Async-signal-safe. */
static inline void vv__unblocked(uint64_t mask)
{
	if (mask)
		atomic_store_explicit(&vv__hub.masked, true, memory_order_relaxed);
	if (atomic_load_explicit(&vv__hub.idle_mask, memory_order_relaxed) & ~mask)
		atomic_fetch_and(&vv__hub.idle_mask, mask);
}

/* cpuclock.c */
extern bool vv__clocks;	  /* accounting is on */
extern bool vv__watching; /* that, or the trace: switches have something to note */
/* The calling kernel thread is c's: what it has used is charged, the rest will be next's (null: nobody's). */
void vv__clock_switch(struct vv__carrier *c, struct vv_greenlet *next);
/* The same for a change of hands on the hub: may be charged later, in one go with others. */
void vv__clock_turn(struct vv__carrier *c, struct vv_greenlet *next);
/* What c will use is nobody's. */
void vv__clock_unknown(struct vv__carrier *c);
/* The monitor gives the hub to another carrier, g keeps c. */
void vv__clock_handover(struct vv__carrier *c, struct vv_greenlet *g);
/* The monitor has looked. slept: nothing has been looked at since the last time, and who ran then was alone. */
void vv__clock_sample(struct vv__hub *h, struct vv_greenlet *running, bool slept);
void vv__clocks_forget(void);

/* One has got a kernel thread of its own, which takes its signals itself. */
static inline void vv__takes_its_own(void)
{
	if (atomic_load_explicit(&vv__hub.masked, memory_order_relaxed))
		atomic_store_explicit(&vv__hub.masks_dirty, 1, memory_order_relaxed);
}

/* wait.c */
struct vv__wait *vv__wait_begin(struct vv_greenlet *g, uint8_t kind, int64_t deadline, const char *what);
void vv__wait_end(struct vv_greenlet *g, struct vv__wait *w);
int vv__wait_sleep(struct vv_greenlet *g, struct vv__wait *w, unsigned flags);
void vv__wait_expired(struct vv__wait *w);
int vv__raised_error(struct vv_greenlet *g, unsigned flags);
bool vv__wait_unqueue(struct vv__wait *w);

/* parking.c */
void vv__parking_forget(void);
bool vv__unqueue_address(struct vv__wait *w, uint8_t state);

/* poller.c: libev */
int vv__poller_open(struct vv__hub *h);
void vv__poller_forget(struct vv__hub *h, bool closes);
void vv__poller_run(bool block);
/* Have vv__wall_moved called. */
void vv__poller_watch_clock(struct vv__hub *h);
void vv__poller_give_up(struct vv__hub *h, int fd);

/* fdwatch.c */
void vv__fd_forget_all(void);
void vv__fd_not_open(int fd);
void vv__unqueue_fds(struct vv__wait *w);

/* carrier.c */
struct vv__carrier *vv__carrier_first(struct vv_greenlet *main);
struct vv__carrier *vv__carrier_take(bool reserved);
/* The promised one for g, which hops; its registers are saved. */
struct vv__carrier *vv__carrier_for_hop(struct vv_greenlet *g);
void vv__carrier_give(struct vv__carrier *c, void *job);
int vv__carrier_reserve(void);
/* The stack of a kernel thread of ours. */
enum { VV__OWN_STACK = 256 * 1024 };
int vv__thread_start(void *(*fn)(void *), void *arg);
struct vv__carrier *vv__carrier_new(void);
struct vv__carrier *vv__carrier_alone(void);
void vv__carrier_put_back(struct vv__carrier *c);
void vv__carriers_forget(void);
void vv__rejoin(struct vv_greenlet *g);
/* Become native on a spare carrier, which has been promised. */
void vv__move(struct vv_greenlet *g);
void vv__set_kernel_mask(struct vv__carrier *c, uint64_t mask);
/* Give c the alternate signal stack of g, null: none. Not on that stack. */
void vv__give_alt_stack(struct vv__carrier *c, struct vv_greenlet *g);
extern _Atomic int vv__alt_stacks; /* somebody has one */
bool vv__on_alt_stack(struct vv_greenlet *g);
extern _Atomic int vv__raw_alt_stacks; /* somebody has set one without libc */
void vv__learn_alt_stack(struct vv_greenlet *g, struct vv__carrier *c);
/* Before g's registers are saved. */
static inline void vv__stop_alt_stack(struct vv_greenlet *g)
{
	if (vv__unlikely(atomic_load_explicit(&vv__raw_alt_stacks, memory_order_relaxed)))
		vv__learn_alt_stack(g, g->carrier);
}

/* lend.c */
void vv__lend_look(struct vv__hub *h, struct vv_greenlet *running, int64_t now);
void vv__lend_start(void);
bool vv__lend_watches(void); /* it needs the looks, whether the hub sleeps or not */
extern _Atomic int vv__lend_share; /* 0: no newborn greenlet is lent */
void vv__lend_newborn(struct vv_greenlet *g);
void vv__lend_forget(void);

/* monitor.c */
void vv__monitor_start(void);
/* The hub begins to run something, or somebody else does, while the monitor is deep: it is to look soon. */
void vv__monitor_arm(void);
/* The hub goes to sleep, and the timer is armed. */
void vv__monitor_hub_sleeps(void);
/* It has slept, and the monitor is deep. */
void vv__monitor_hub_wakes(void);
/* The program is about to limit its system calls: before it does. */
void vv__monitor_without_timer(void);
void vv__monitor_forget(void);
/* A greenlet has been made, in program code: a monitor that has ended is started again. */
void vv__monitor_need(void);
/* Greenlets will be made elsewhere: it does not end any more. In program code. */
void vv__monitor_keep(void);

/* report.c */
void vv__report_blocked(void);
void vv__report_metrics(void);
bool vv__report_deadlocks(void);
void vv__report_stall(struct vv_greenlet *g, int64_t ns);

/* overflow.c */
void vv__overflow_start(void);
void vv__overflow_carrier(struct vv__carrier *c);
void vv__overflow_carrier_ends(struct vv__carrier *c);

/* unhooked.c */
extern struct vv__unhooked vv__unhooked_places[VV__UNHOOKED];
void vv__note_unhooked(int tid);

/* stack.c */
void *vv__stack_get(size_t size, size_t guard);
void vv__stack_put(void *stack, size_t size, size_t guard);
void vv__stack_trim(const struct vv_greenlet *g);

/* greenlet.c */
extern struct vv__all {
	_Atomic int lock;
	struct vv_greenlet *head;
} vv__all;
int vv__shells_start(void);
int vv__shell_start(struct vv_greenlet *g, const pthread_attr_t *attr, void *(*entry)(void *), void *arg);
void vv__shell_publish(struct vv_greenlet *g);
void vv__shell_await(struct vv_greenlet *g);
void vv__greenlet_ended(struct vv_greenlet *g);
void vv__greenlets_forget(struct vv_greenlet *keep);

size_t vv__tcb_tid_offset(void);

/* shell.c */
struct vv_greenlet *vv__shell_take(size_t stack);
void vv__shell_put(struct vv_greenlet *g);
void *vv__shell_stack_top(struct vv_greenlet *g);

struct vv_greenlet **vv__self_of(pthread_t t);
struct vv_greenlet *vv__twin(struct vv_greenlet *me);
void vv__twin_gone(struct vv_greenlet *g);

/* slice.c */
bool vv__slice_install(struct vv_greenlet *g);
void vv__slice_after(struct vv_greenlet *g);
void vv__slice_forget(struct vv_greenlet *g);

/* Deep: the monitor sleeps until its timer expires, and that is not armed. */
enum { VV__MONITOR_AWAKE, VV__MONITOR_DEEP, VV__MONITOR_ARMED };
extern _Atomic int vv__monitor_deep;

#endif
