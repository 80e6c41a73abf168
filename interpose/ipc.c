/*
 * System V queues and semaphores have no descriptor: one attempt with IPC_NOWAIT, then a carrier. POSIX queues are
 * descriptors: attempt with a deadline that has passed, park, again. AIO waits for libc's own threads: a carrier.
 */
#include "hop.h"

#include <aio.h>
#include <mqueue.h>
#include <netdb.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

/* ---- System V ----------------------------------------------------------------------------------------------- */

/* A time-out of nothing is an attempt: EAGAIN if it would wait, or if an operation says IPC_NOWAIT. */
static const struct timespec no_time;

static int sem_wait_for(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	int r;

	vv__hop();
	r = timeout ? REAL(semtimedop)(id, ops, n, timeout) : REAL(semop)(id, ops, n);
	vv__hop_back();
	return r;
}

VV_EXPORT int semop(int id, struct sembuf *ops, size_t n)
{
	int before = errno;

	if (vv__step_aside(vv__me(), ipc))
		return REAL(semop)(id, ops, n);
	if (REAL(semtimedop)(id, ops, n, &no_time) == 0)
		return 0;
	if (errno != EAGAIN)
		return -1;
	errno = before;
	return sem_wait_for(id, ops, n, NULL);
}

VV_EXPORT int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	if (!timeout)
		return semop(id, ops, n);
	if (vv__step_aside(vv__me(), ipc))
		return REAL(semtimedop)(id, ops, n, timeout);
	return sem_wait_for(id, ops, n, timeout);
}

VV_EXPORT int msgsnd(int id, const void *msg, size_t n, int flags)
{
	int before = errno, r;

	if (vv__step_aside(vv__me(), ipc) || flags & IPC_NOWAIT)
		return REAL(msgsnd)(id, msg, n, flags);
	r = REAL(msgsnd)(id, msg, n, flags | IPC_NOWAIT);
	if (r == 0 || errno != EAGAIN)
		return r;
	errno = before;
	vv__hop();
	r = REAL(msgsnd)(id, msg, n, flags);
	vv__hop_back();
	return r;
}

VV_EXPORT ssize_t msgrcv(int id, void *msg, size_t n, long type, int flags)
{
	int before = errno;
	ssize_t r;

	if (vv__step_aside(vv__me(), ipc) || flags & IPC_NOWAIT)
		return REAL(msgrcv)(id, msg, n, type, flags);
	r = REAL(msgrcv)(id, msg, n, type, flags | IPC_NOWAIT);
	if (r >= 0 || errno != ENOMSG)
		return r;
	errno = before;
	vv__hop();
	r = REAL(msgrcv)(id, msg, n, type, flags);
	vv__hop_back();
	return r;
}

/* ---- POSIX queues ------------------------------------------------------------------------------------------- */

static const struct timespec past;

/*
 * mq_notify promises a signal only for a message that no receiver waits for, and the kernel does not see one that is
 * parked. So from the first mq_notify on receivers wait in the kernel.
 */
static _Atomic bool notifies;
static const char receiving[] = "mq_receive";

/* An invalid time is refused before anything else is looked at. */
static bool queue_direct(const struct timespec *until)
{
	return vv__step_aside(vv__me(), ipc) ||
	       (until &&
		   (!vv__given(until, sizeof *until) || !vv__timespec_valid(until) || until->tv_sec < 0));
}

/* Park on the queue after an attempt that ended with ETIMEDOUT. 0: attempt again; -1: errno says how it ended. */
static int queue_wait(mqd_t queue, int *same, short events, const struct timespec *until, int before)
{
	int64_t deadline = until ? vv__deadline_at(CLOCK_REALTIME, until) : VV__FOREVER;
	bool alone = !atomic_load(&notifies);
	int r = vv__wait_fd(same, events, deadline, VV__EINTR | VV__RESTART | VV__CANCEL,
	    events == POLLIN ? receiving : "mq_send");

	if (r == -ECANCELED) {
		vv__fd_done(queue, *same);
		vv__cancel_now();
	}
	if (alone && atomic_load(&notifies) && events == POLLIN) {
		atomic_store(&vv__me()->raised, 0);
		r = r == -ETIME ? 0 : r;
	}
	errno = r < 0 ? -r : before;
	return r < 0 ? -1 : 0;
}

static ssize_t receive(mqd_t queue, char *to, size_t n, unsigned *priority, const struct timespec *until)
{
	int before = errno, same = queue;
	bool again;
	ssize_t r;

	do {
		r = REAL(mq_timedreceive)(same, to, n, priority, &past);
		again = r < 0 && errno == ETIMEDOUT;
	} while (again && !atomic_load(&notifies) && queue_wait(queue, &same, POLLIN, until, before) == 0);
	if (again && atomic_load(&notifies)) {
		errno = before;
		vv__hop();
		r = until ? REAL(mq_timedreceive)(same, to, n, priority, until)
			  : REAL(mq_receive)(same, to, n, priority);
		vv__hop_back();
	}
	vv__fd_done(queue, same);
	return r;
}

static int move_to_kernel(struct vv_greenlet *g, void *moved)
{
	const struct vv__wait *w = g->wait;

	if (atomic_load(&g->state) == VV__PARKED && w && w->what == receiving) {
		vv__raise(g, EAGAIN);
		*(bool *)moved = true;
	}
	return 0;
}

VV_EXPORT int mq_notify(mqd_t queue, const struct sigevent *event)
{
	enum { TO_GET_THERE_NS = 2000000 };
	bool moved = false;

	if (event && !atomic_exchange(&notifies, true) && !vv__step_aside(vv__me(), ipc)) {
		vv__each(move_to_kernel, &moved);
		if (moved)
			vv__sleep_until(vv__now() + TO_GET_THERE_NS, 0);
	}
	return REAL(mq_notify)(queue, event);
}

static int send_to(mqd_t queue, const char *from, size_t n, unsigned priority, const struct timespec *until)
{
	int before = errno, same = queue, r;

	do
		r = REAL(mq_timedsend)(same, from, n, priority, &past);
	while (r < 0 && errno == ETIMEDOUT && queue_wait(queue, &same, POLLOUT, until, before) == 0);
	vv__fd_done(queue, same);
	return r;
}

VV_EXPORT ssize_t mq_timedreceive(
    mqd_t queue, char *to, size_t n, unsigned *priority, const struct timespec *until)
{
	if (queue_direct(until))
		return REAL(mq_timedreceive)(queue, to, n, priority, until);
	return receive(queue, to, n, priority, until);
}

VV_EXPORT ssize_t mq_receive(mqd_t queue, char *to, size_t n, unsigned *priority)
{
	if (queue_direct(NULL))
		return REAL(mq_receive)(queue, to, n, priority);
	return receive(queue, to, n, priority, NULL);
}

VV_EXPORT int mq_timedsend(
    mqd_t queue, const char *from, size_t n, unsigned priority, const struct timespec *until)
{
	if (queue_direct(until))
		return REAL(mq_timedsend)(queue, from, n, priority, until);
	return send_to(queue, from, n, priority, until);
}

VV_EXPORT int mq_send(mqd_t queue, const char *from, size_t n, unsigned priority)
{
	if (queue_direct(NULL))
		return REAL(mq_send)(queue, from, n, priority);
	return send_to(queue, from, n, priority, NULL);
}

VV_EXPORT int mq_close(mqd_t queue)
{
	vv__me();
	vv__fd_closing(queue);
	return REAL(mq_close)(queue);
}

/* ---- asynchronous input and output ---------------------------------------------------------------------------- */

VV__HOP(ipc, int, aio_suspend, (const struct aiocb *const list[], int n, const struct timespec *timeout),
    (list, n, timeout))
VV__HOP(ipc, int, aio_suspend64, (const struct aiocb64 *const list[], int n, const struct timespec *timeout),
    (list, n, timeout))
VV__HOP(ipc, int, lio_listio, (int mode, struct aiocb *const list[], int n, struct sigevent *event),
    (mode, list, n, event))
VV__HOP(ipc, int, lio_listio64, (int mode, struct aiocb64 *const list[], int n, struct sigevent *event),
    (mode, list, n, event))
VV__HOP(ipc, int, gai_suspend, (const struct gaicb *const list[], int n, const struct timespec *timeout),
    (list, n, timeout))
VV__HOP(ipc, int, getaddrinfo_a, (int mode, struct gaicb *list[], int n, struct sigevent *event),
    (mode, list, n, event))
