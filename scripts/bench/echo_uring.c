/*
 * Echo server, one thread and io_uring: a limit to compare with. Prints its port.
 */
#include <liburing.h>

#include "echo_server.h"

enum { SIZE = 4096, ENTRIES = 4096, CONNECTIONS = 1 << 16 };
enum { ACCEPTED, RECEIVED, SENT };

static char (*buffers)[SIZE];
static struct io_uring ring;

static struct io_uring_sqe *entry(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (sqe)
		return sqe;
	io_uring_submit(&ring);
	return io_uring_get_sqe(&ring);
}

static void prepare(int what, int fd, int n)
{
	struct io_uring_sqe *sqe = entry();

	if (what == ACCEPTED)
		io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, 0);
	else if (what == RECEIVED)
		io_uring_prep_recv(sqe, fd, buffers[fd], SIZE, 0);
	else
		io_uring_prep_send(sqe, fd, buffers[fd], n, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, (unsigned long)fd << 2 | what);
}

static void completed(int listener, struct io_uring_cqe *cqe)
{
	int what = cqe->user_data & 3, fd = cqe->user_data >> 2, n = cqe->res;

	if (what == ACCEPTED) {
		if (n >= 0 && n < CONNECTIONS) {
			no_delay(n);
			prepare(RECEIVED, n, 0);
		}
		if (!(cqe->flags & IORING_CQE_F_MORE))
			prepare(ACCEPTED, listener, 0);
	} else if (n <= 0) {
		close(fd);
	} else {
		prepare(what == RECEIVED ? SENT : RECEIVED, fd, n);
	}
}

int main(void)
{
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN,
					 .cq_entries = 8 * ENTRIES};
	int listener;

	buffers = calloc(CONNECTIONS, SIZE);
	if (io_uring_queue_init_params(ENTRIES, &ring, &params) < 0)
		return 1;
	listener = listen_somewhere();
	prepare(ACCEPTED, listener, 0);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;

		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe) {
			completed(listener, cqe);
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
}
