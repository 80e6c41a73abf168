/*
 * Vervet's public interface: greenlets for C and C++ programs, with gevent's primitives. Link with -lvervet.
 *
 *	#include <stdio.h>
 *	#include <vervet.h>
 *
 *	static void *greet(void *name)
 *	{
 *		vv_sleep(VV_MS(100));
 *		return printf("hello %s\n", (char *)name), NULL;
 *	}
 *
 *	int main(void)
 *	{
 *		struct vv_greenlet *both[] = {vv_spawn(greet, "world"), vv_spawn(greet, "again")};
 *		return vv_joinall(both, 2, 2, VV_FOREVER, NULL) != 2;
 *	}
 *
 * Greenlets share one kernel thread. One runs at a time, until it blocks or yields: in a call of this header, or in any
 * call of libc that Vervet patches (read, accept, sleep, pthread_mutex_lock, getaddrinfo ...), so that ordinary blocking
 * code is concurrent. Those that can run do so first come, first served. The program's own threads are greenlets too and
 * may use every object here.
 *
 * What holds for every function, unless it says otherwise:
 *
 *   Time-outs   are nanoseconds from now: VV_MS(20), VV_S(3); 0 tries once; VV_FOREVER does not end.
 *   Returns     0, or a negative errno. Functions that return a pointer: null, with errno set.
 *   Errors      -EBADF: the handle was freed, is null, or was freed while the call waited. Calls that block, besides:
 *               -EAGAIN time-out 0 and it is not there; -ETIMEDOUT; -ETIME, or the error of one's own, when a
 *               vv_timeout of this greenlet ended the call; -EDEADLK main waits and nothing can ever wake anybody;
 *               -EPERM in a callback of vv_link, which must not block. Those that make something: -ENOMEM.
 *   Killing     a killed greenlet ends in the blocking call it is in, or its next: clean-up handlers
 *               (pthread_cleanup_push) and C++ destructors run, the call does not return.
 *   Context     any greenlet or thread; not a signal handler (see vv_signal).
 *   Ownership   the maker of a handle frees it, once; freeing null does nothing. Freeing an object wakes all that wait for it with -EBADF. Values
 *               (void *) are passed on, never looked at nor freed.
 */
#ifndef VERVET_H
#define VERVET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VV_FOREVER INT64_MAX
#define VV_US(us) ((int64_t)(us) * 1000)
#define VV_MS(ms) ((int64_t)(ms) * 1000000)
#define VV_S(s) ((int64_t)(s) * 1000000000)

struct pollfd;
struct vv_greenlet;

/* ---- greenlets -------------------------------------------------------------------------------------- */

/* The value of a greenlet that was killed: the string "exit". */
extern const char vv_killed[];
#define VV_KILLED ((void *)vv_killed)

/*
 * Make a greenlet that will call fn(arg), and put it at the end of the queue. fn never runs before the caller blocks.
 * What fn returns is the greenlet's value.
 * Blocks: never. Returns: a handle, to be given to vv_greenlet_free.
 */
struct vv_greenlet *vv_spawn(void *(*fn)(void *), void *arg);

/* The same; fn gets a pointer to a copy of size bytes at data, which lives as long as the greenlet runs. */
struct vv_greenlet *vv_spawn_with(void *(*fn)(void *), const void *data, size_t size);

/* The same, started after delay_ns nanoseconds. */
struct vv_greenlet *vv_spawn_later(int64_t delay_ns, void *(*fn)(void *), void *arg);

/* Spawn without a handle: nobody joins it. Blocks: never. */
int vv_go(void *(*fn)(void *), void *arg);

/* Make a greenlet and do not start it. Blocks: never. Returns: a handle. */
struct vv_greenlet *vv_greenlet_new(void *(*fn)(void *), void *arg);

/* The same with a copy of data, as vv_spawn_with. */
struct vv_greenlet *vv_greenlet_new_with(void *(*fn)(void *), const void *data, size_t size);

/* Start a greenlet of vv_greenlet_new now, or in delay_ns nanoseconds. Blocks: never. Starting twice does nothing.
 * Errors: -EALREADY (later) started before. */
int vv_greenlet_start(struct vv_greenlet *g);
int vv_greenlet_start_later(struct vv_greenlet *g, int64_t delay_ns);

/* Give up a handle. The greenlet runs on, if it does. Null is allowed. Blocks: never. */
int vv_greenlet_free(struct vv_greenlet *g);

/* Wait until g has ended. Blocks: this greenlet. Errors: -EDEADLK g is the caller. */
int vv_join(struct vv_greenlet *g, int64_t timeout_ns);

/* Wait until g has ended and take its value (value may be null). Blocks: this greenlet. Errors: those of vv_join, and
 * -error if g failed with it (vv_fail). */
int vv_get(struct vv_greenlet *g, void **value, int64_t timeout_ns);

/*
 * Wait until count of n greenlets have ended; count 0: all. Blocks: this greenlet.
 * Returns: how many have, in ready (may be null) in the order of their ends. At a time-out those that were ready by then.
 */
int vv_joinall(
    struct vv_greenlet *const *gs, int n, int count, int64_t timeout_ns, struct vv_greenlet **ready);

/*
 * End a greenlet where it blocks, and wait for its end (time-out 0: do not wait). One that has not yet run never runs;
 * one that has ended stays as it is. Its value is VV_KILLED, and it counts as successful. The caller may be g: then the call does not return.
 * Blocks: this greenlet.
 */
int vv_kill(struct vv_greenlet *g, int64_t timeout_ns);

/* Kill n greenlets but the caller, then wait for all. Blocks: this greenlet. */
int vv_killall(struct vv_greenlet *const *gs, int n, int64_t timeout_ns);

/* End the calling greenlet with a value, as if fn returned it; clean-up handlers run. */
void vv_exit(void *value) __attribute__((noreturn));

/*
 * End the calling greenlet with an error (positive) and a message, as printf would make it. It is reported once on
 * standard error (see vv_on_error); vv_get hands it to whoever asks. Others go on.
 */
void vv_fail(int error, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* State. Blocks: never. Returns: 1 or 0. started: it will run, runs or ran; ready: it has ended; successful: it has
 * ended without vv_fail. */
int vv_started(struct vv_greenlet *g);
int vv_ready(struct vv_greenlet *g);
int vv_successful(struct vv_greenlet *g);

/* The value, null before the end and after a failure; the error, 0 without; the message, null without, which lives as
 * long as the handle. Blocks: never. */
void *vv_value(struct vv_greenlet *g);
int vv_error(struct vv_greenlet *g);
const char *vv_message(struct vv_greenlet *g);

/*
 * Call fn(g, arg) when g has ended: on g's own stack, in the order of the links; at once if it has ended before, on
 * another. fn must not block: calls that would, fail with -EPERM. Blocks: never.
 * vv_unlink takes it back. Errors: -ENOENT there is no such link.
 */
int vv_link(struct vv_greenlet *g, void (*fn)(struct vv_greenlet *g, void *arg), void *arg);
int vv_unlink(struct vv_greenlet *g, void (*fn)(struct vv_greenlet *g, void *arg), void *arg);

/* The calling greenlet, or thread. The handle is not the caller's to free. Blocks: never. */
struct vv_greenlet *vv_current(void);

/* Number (1 is main, never used twice) and name (15 bytes, for reports) of a greenlet. Blocks: never. */
uint64_t vv_greenlet_id(struct vv_greenlet *g);
const char *vv_greenlet_name(struct vv_greenlet *g);
void vv_greenlet_set_name(struct vv_greenlet *g, const char *name);

/* Bytes of stack for greenlets made from now on (120 KiB before the first call). A page is used when it is first
 * touched. Blocks: never. Errors: -EINVAL less than 16 KiB or more than 4 GiB. */
int vv_stack_size(size_t bytes);

/* Call fn(g, error, message) on a greenlet that fails, instead of the report; null: the report again. Blocks: never. */
void vv_on_error(void (*fn)(struct vv_greenlet *g, int error, const char *message));

/* ---- time ------------------------------------------------------------------------------------------- */

/* Let others run for ns nanoseconds; 0 is vv_yield. Blocks: this greenlet. */
int vv_sleep(int64_t ns);

/* Go to the end of the queue. Blocks: this greenlet, until all that could run have run. */
int vv_yield(void);

/* Wait until no other greenlet can run. Blocks: this greenlet. */
int vv_idle(void);

/*
 * End this greenlet's blocking call, or its next, after ns nanoseconds, with error (positive; 0: ETIME): calls of this
 * header return -error; patched calls of libc that are cancellation points fail with ETIME. It happens once. 0 fires when
 * the greenlet next blocks. Blocks: never. Returns: a handle, to be given to vv_timeout_free.
 * Errors: EPERM the caller is a kernel thread outside the hub.
 */
struct vv_timeout;
struct vv_timeout *vv_timeout_start(int64_t ns, int error);
/* Arm it again, for the calling greenlet. */
int vv_timeout_restart(struct vv_timeout *t, int64_t ns);
/* Disarm. Safe at any time, also when it has fired: what was not yet delivered is taken back. Blocks: never. */
int vv_timeout_cancel(struct vv_timeout *t);
/* Disarm and free; null is allowed. Blocks: never. */
int vv_timeout_free(struct vv_timeout *t);
/* Is it armed? Has it fired? Blocks: never. Returns: 1 or 0. */
int vv_timeout_pending(struct vv_timeout *t);
int vv_timeout_expired(struct vv_timeout *t);

static inline void vv_timeout_leave(struct vv_timeout **t)
{
	vv_timeout_free(*t);
}
/* A time-out for the rest of the block: VV_TIMEOUT(limit, VV_S(5), 0); C programs that kill greenlets in such a block are
 * compiled with -fexceptions, as for any cleanup attribute. */
#define VV_TIMEOUT(name, ns, error) \
	struct vv_timeout *name __attribute__((cleanup(vv_timeout_leave))) = vv_timeout_start(ns, error)

/* Call fn(arg) in a greenlet of its own and take its value; kill it after ns nanoseconds. Blocks: this greenlet.
 * Errors: -ETIME, or those of vv_get. */
int vv_with_timeout(int64_t ns, void *(*fn)(void *), void *arg, void **value);

/* ---- waiting for several ---------------------------------------------------------------------------- */

/*
 * Wait until count of n objects are ready; count 0: all. Objects: greenlets (ended), events (set), results (there),
 * semaphores (could be acquired), queues (not empty), groups (empty). A freed one counts as ready. Blocks: this greenlet.
 * Returns: how many are, in ready (may be null) in the order in which they became ready. At a time-out those so far.
 */
int vv_wait(void *const *objects, int n, int count, int64_t timeout_ns, void **ready);

/* The same one by one. vv_iwait_next returns 1 with *object set, 0 when there are no more. Free after use. */
struct vv_iwait;
struct vv_iwait *vv_iwait_new(void *const *objects, int n);
int vv_iwait_next(struct vv_iwait *w, void **object, int64_t timeout_ns);
int vv_iwait_free(struct vv_iwait *w);

/* ---- events and results ----------------------------------------------------------------------------- */

/* A flag to wait for. Setting it wakes all that wait, first come, first served, even if it is cleared before they run. */
struct vv_event;
struct vv_event *vv_event_new(void);
int vv_event_free(struct vv_event *e);
/* Set or clear the flag. Blocks: never. */
int vv_event_set(struct vv_event *e);
int vv_event_clear(struct vv_event *e);
/* Blocks: never. Returns: 1 or 0. */
int vv_event_is_set(struct vv_event *e);
/* Wait until the flag is set. Blocks: this greenlet. */
int vv_event_wait(struct vv_event *e, int64_t timeout_ns);

/* A value, or an error, that somebody will provide. */
struct vv_result;
struct vv_result *vv_result_new(void);
int vv_result_free(struct vv_result *r);
/* Provide the value, or the error (positive). Later calls replace it. Blocks: never. Errors: -EINVAL error <= 0. */
int vv_result_set(struct vv_result *r, void *value);
int vv_result_fail(struct vv_result *r, int error);
/* Provide what g ends with. Blocks: never. */
int vv_result_from(struct vv_result *r, struct vv_greenlet *g);
/* Blocks: never. Returns: 1 or 0. */
int vv_result_ready(struct vv_result *r);
/* Wait for the value (may be null). Blocks: this greenlet. Errors: -error if that was provided. */
int vv_result_get(struct vv_result *r, void **value, int64_t timeout_ns);

/* ---- queues ----------------------------------------------------------------------------------------- */

enum vv_queue_kind {
	VV_FIFO,
	VV_LIFO,
	VV_PRIORITY, /* lowest priority first, equal ones in the order of their puts */
	VV_CHANNEL,  /* no room at all: a put waits until its item is taken */
};

/* A queue for max items; 0: any number. Items left when it is freed are dropped. */
struct vv_queue;
/* Errors: EINVAL no such kind. */
struct vv_queue *vv_queue_new(enum vv_queue_kind kind, size_t max);
int vv_queue_free(struct vv_queue *q);
/* Put an item, waiting for room (in a channel: for a taker). Blocks: this greenlet.
 * Errors: -EAGAIN, -ETIMEDOUT full; -EPIPE shut down. */
int vv_queue_put(struct vv_queue *q, void *item, int64_t timeout_ns);
int vv_queue_put_priority(struct vv_queue *q, void *item, int64_t priority, int64_t timeout_ns);
/* Take the next item, or look at it and leave it. Blocks: this greenlet.
 * Errors: -EAGAIN, -ETIMEDOUT empty; -EPIPE empty and shut down. */
int vv_queue_get(struct vv_queue *q, void **item, int64_t timeout_ns);
int vv_queue_peek(struct vv_queue *q, void **item, int64_t timeout_ns);
/* Say that an item taken has been dealt with; wait until all that were put have been. Errors: -EINVAL more than put. */
int vv_queue_task_done(struct vv_queue *q);
int vv_queue_join(struct vv_queue *q, int64_t timeout_ns);
/* No more puts; gets go on until it is empty, or until now (drop). Waiters wake. Blocks: never. */
int vv_queue_shutdown(struct vv_queue *q, int drop);
/* Blocks: never. */
long vv_queue_size(struct vv_queue *q);
int vv_queue_empty(struct vv_queue *q);
int vv_queue_full(struct vv_queue *q);
/* Take items until the queue is shut down: VV_QUEUE_EACH(q, item) use(item); */
#define VV_QUEUE_EACH(q, item) for (void *item; vv_queue_get(q, &item, VV_FOREVER) == 0;)

/* ---- locks ------------------------------------------------------------------------------------------ */

/* A semaphore; bounded: more releases than acquires are an error (count > 0). Strictly first come, first served. */
struct vv_semaphore;
struct vv_semaphore *vv_semaphore_new(unsigned count);
struct vv_semaphore *vv_semaphore_new_bounded(unsigned count);
int vv_semaphore_free(struct vv_semaphore *s);
/* Blocks: this greenlet. */
int vv_semaphore_acquire(struct vv_semaphore *s, int64_t timeout_ns);
/* Blocks: never. Errors: -EOVERFLOW released too often. */
int vv_semaphore_release(struct vv_semaphore *s);
/* Blocks: never. Returns: how many could acquire it now. */
int vv_semaphore_count(struct vv_semaphore *s);

/* A lock that its owner may take again. First come, first served. */
struct vv_lock;
struct vv_lock *vv_lock_new(void);
int vv_lock_free(struct vv_lock *l);
/* Blocks: this greenlet. */
int vv_lock_acquire(struct vv_lock *l, int64_t timeout_ns);
/* Blocks: never. Errors: -EPERM the caller does not own it. */
int vv_lock_release(struct vv_lock *l);
/* Does the caller own it? Blocks: never. Returns: 1 or 0. */
int vv_lock_owned(struct vv_lock *l);

/* A condition on a lock; null: on one of its own, see vv_condition_lock. */
struct vv_condition;
struct vv_condition *vv_condition_new(struct vv_lock *lock);
int vv_condition_free(struct vv_condition *c);
struct vv_lock *vv_condition_lock(struct vv_condition *c);
/* Release the lock, wait for a notify, take the lock again (even if the wait fails). Blocks: this greenlet.
 * Errors: -EPERM the caller does not own the lock. */
int vv_condition_wait(struct vv_condition *c, int64_t timeout_ns);
/* Wake the first n that wait; n < 0: all. Blocks: never. Returns: how many. Errors: -EPERM as above. */
int vv_condition_notify(struct vv_condition *c, int n);

/* ---- greenlet locals -------------------------------------------------------------------------------- */

/*
 * A value per greenlet under one handle. destroy(value), if given, is called at a greenlet's end for a value that is not
 * null. inherit(value), if given, makes the value that a spawned greenlet starts with from its maker's.
 */
struct vv_local;
struct vv_local *vv_local_new(void (*destroy)(void *), void *(*inherit)(void *));
int vv_local_free(struct vv_local *l);
/* Blocks: never. Errors: -ENOENT the calling greenlet has no value. */
int vv_local_set(struct vv_local *l, void *value);
int vv_local_get(struct vv_local *l, void **value);
int vv_local_delete(struct vv_local *l);

/* ---- groups and pools ------------------------------------------------------------------------------- */

/* Greenlets that are counted, joined and killed together. In a pool there are size at most; in a thread pool each runs
 * on a kernel thread of its own, for functions that compute or block where Vervet cannot see it. A greenlet that has
 * ended leaves when those that could run at that time have run. */
struct vv_group;
struct vv_group *vv_group_new(void);
struct vv_group *vv_pool_new(unsigned size);
struct vv_group *vv_threadpool_new(unsigned size);
/* Members run on. */
int vv_group_free(struct vv_group *p);
/* Add a greenlet, waiting for room. One that has ended is not added. Errors: -EBUSY it is in another group. */
int vv_group_add(struct vv_group *p, struct vv_greenlet *g, int64_t timeout_ns);
/* Take a greenlet out. Blocks: never. Errors: -ENOENT it is not in. */
int vv_group_discard(struct vv_group *p, struct vv_greenlet *g);
/* Spawn in the group, waiting for room. Blocks: this greenlet. Returns: a handle. Errors: EAGAIN, ETIMEDOUT full. */
struct vv_greenlet *vv_group_spawn(struct vv_group *p, void *(*fn)(void *), void *arg, int64_t timeout_ns);
/* Spawn in the group, wait for the end, take the value. Blocks: this greenlet. Errors: those of vv_get. */
int vv_group_apply(struct vv_group *p, void *(*fn)(void *), void *arg, void **value);
/* Call fn for each of n items, one greenlet each; values (may be null) in the order of the items. Blocks: this
 * greenlet. Errors: the first item's that failed. */
int vv_group_map(struct vv_group *p, void *(*fn)(void *), void *const *items, int n, void **values);
/* The same one by one, in the order of the items or of their ends. vv_imap_next returns 1 with *value (may be null) set,
 * 0 when there are no more, -error for an item that failed. Free after use. */
struct vv_imap;
struct vv_imap *vv_group_imap(struct vv_group *p, void *(*fn)(void *), void *const *items, int n);
struct vv_imap *vv_group_imap_unordered(struct vv_group *p, void *(*fn)(void *), void *const *items, int n);
int vv_imap_next(struct vv_imap *m, void **value, int64_t timeout_ns);
int vv_imap_free(struct vv_imap *m);
/* Wait until the group is empty. Blocks: this greenlet. */
int vv_group_join(struct vv_group *p, int64_t timeout_ns);
/* Kill all members but the caller, and those that come meanwhile, until none is left; time-out 0: do not wait. */
int vv_group_kill(struct vv_group *p, int64_t timeout_ns);
/* Blocks: never. Returns: how many are in; whether it is full; for how many there is room (INT32_MAX: for all). */
int vv_group_size(struct vv_group *p);
int vv_group_full(struct vv_group *p);
int vv_group_free_count(struct vv_group *p);

/* ---- actors ----------------------------------------------------------------------------------------- */

/* A greenlet with an inbox, that calls receive(actor, message, state) for each message. Sending never blocks. After
 * vv_actor_stop it ends when the inbox is empty. Freeing kills it. */
struct vv_actor;
struct vv_actor *vv_actor_new(
    void (*receive)(struct vv_actor *self, void *message, void *state), void *state);
int vv_actor_start(struct vv_actor *a);
/* Errors: -EPIPE it was stopped, or has ended. */
int vv_actor_send(struct vv_actor *a, void *message);
int vv_actor_stop(struct vv_actor *a);
/* Its greenlet, to be joined; the handle is the actor's. */
struct vv_greenlet *vv_actor_greenlet(struct vv_actor *a);
/* Errors: -EDEADLK the caller is the actor. */
int vv_actor_free(struct vv_actor *a);

/* ---- descriptors, blocking calls, signals ----------------------------------------------------------- */

/* Wait until fd can be read or written, or has failed. Several may wait. Blocks: this greenlet.
 * Errors: -EBADF it is not open, or was closed meanwhile. */
int vv_wait_read(int fd, int64_t timeout_ns);
int vv_wait_write(int fd, int64_t timeout_ns);
/* The same for any of n, as poll does. Returns: how many are ready. */
int vv_wait_any(struct pollfd *fds, unsigned n, int64_t timeout_ns);

/* Call fn(arg) on a kernel thread of its own, while others run; returns its value. It cannot be interrupted. */
void *vv_blocking(void *(*fn)(void *), void *arg);

/* Call fn(number, arg) in a greenlet whenever the signal arrives; fn null: as before any call. Blocks: never.
 * Errors: -EINVAL no such signal. */
int vv_signal(int number, void (*fn)(int number, void *arg), void *arg);

/* ---- subprocesses ----------------------------------------------------------------------------------- */

enum {
	VV_STDIN = 1, /* a pipe to or from the child */
	VV_STDOUT = 2,
	VV_STDERR = 4,
	VV_STDERR_TO_STDOUT = 8,
};

/* Start a program (looked up in PATH) with these arguments, the last of them null, or a command of the shell. flags: any of
 * the above. Blocks: this greenlet, until it has started. Returns: a handle. Errors: those of posix_spawn and pipe. */
struct vv_process;
struct vv_process *vv_process_spawn(char *const argv[], unsigned flags);
struct vv_process *vv_process_shell(const char *command, unsigned flags);
/* Close its pipes and forget it; if it runs, it runs on. Null is allowed. Blocks: never. */
int vv_process_free(struct vv_process *p);
/* Blocks: never. Returns: its id; our end of its pipe 0, 1 or 2, which is non-blocking, or -1. */
int vv_process_pid(struct vv_process *p);
int vv_process_fd(struct vv_process *p, int number);
/* Wait for its end; status (may be null): what it exited with, or minus the signal that ended it. Blocks: this greenlet.
 * Errors: -ECHILD somebody else has waited for it. */
int vv_process_wait(struct vv_process *p, int *status, int64_t timeout_ns);
/* Send it a signal. Blocks: never. Errors: -ESRCH it has ended. */
int vv_process_kill(struct vv_process *p, int signal);
/*
 * Write size bytes of input to it, read all that it prints, wait for its end. out and err (may be null) are set to text
 * that the caller frees with free, a zero byte behind it; null if there was none. Blocks: this greenlet. At a time-out
 * they hold what came so far.
 */
int vv_process_communicate(struct vv_process *p, const void *input, size_t size, char **out, size_t *out_size,
    char **err, size_t *err_size, int *status, int64_t timeout_ns);

/* ---- servers ---------------------------------------------------------------------------------------- */

/*
 * Make a server for stream connections to host (null: any; a path beginning with / : a Unix socket) and port (0: a free
 * one), or on a listening socket. It calls handle(fd, arg) in a greenlet for each connection, and closes fd afterwards;
 * reads and writes there are ordinary blocking ones. At most `most` connections at a time (0: any number): the rest waits
 * in the backlog. When descriptors run out, accepting pauses.
 * Blocks: this greenlet, while host is looked up. Returns: a handle; then the socket is the server's, but not a Unix
 * socket's name, which stays. Errors: EADDRNOTAVAIL no such host; EINVAL no such port, or a socket that does not listen; EBADF,
 * ENOTSOCK; those of socket, bind and listen.
 */
struct vv_server;
struct vv_server *vv_server_new(
    const char *host, int port, unsigned most, void (*handle)(int fd, void *arg), void *arg);
struct vv_server *vv_server_new_fd(int fd, unsigned most, void (*handle)(int fd, void *arg), void *arg);
/* Accept from now on. Blocks: never. Errors: -EALREADY started, or stopped. */
int vv_server_start(struct vv_server *s);
/* Start, if it has not been, and wait until it is stopped. Blocks: this greenlet. */
int vv_server_serve(struct vv_server *s);
/* Accept no more, wait for the connections to end, kill those that have not by the time-out. Blocks: this greenlet. Not
 * in a connection's own greenlet. */
int vv_server_stop(struct vv_server *s, int64_t timeout_ns);
/* Stop, waiting for nobody, and free. */
int vv_server_free(struct vv_server *s);
/* Blocks: never. Returns: the port; how many connections there are. */
int vv_server_port(struct vv_server *s);
int vv_server_connections(struct vv_server *s);

/* ---- what is patched -------------------------------------------------------------------------------- */

/* Is a family of libc's functions patched ("socket": see vervet --list)? Blocks: never. Returns: 1 or 0.
 * Errors: -EINVAL no such family. */
int vv_patched(const char *family);

/* How many objects of this header exist, greenlets included: for tests that look for leaks. Blocks: never. */
size_t vv_objects(void);

#ifdef __cplusplus
}
#endif

#endif
