/*
 * Rings for a single issuer answer only the kernel thread that made or enabled them: main's, made before it has threads,
 * and those of threads, beside others that compute.
 */
#include "check.h"

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { BUSY = 2, USERS = 2, TURNS = 30 };

struct ring {
	int fd;
	char *sq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

static atomic_int over;

static bool make(struct ring *r, unsigned flags)
{
	size_t bytes;

	r->p = (struct io_uring_params){.flags = IORING_SETUP_SINGLE_ISSUER | flags};
	r->fd = (int)syscall(SYS_io_uring_setup, 8, &r->p);
	if (r->fd < 0)
		return false;
	bytes = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe);
	r->sq = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * sizeof *r->sqes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
	    IORING_OFF_SQES);
	expect(r->sq != MAP_FAILED && r->sqes != MAP_FAILED);
	return true;
}

static unsigned *word(struct ring *r, unsigned offset)
{
	return (unsigned *)(r->sq + offset);
}

/* One request that does nothing, and its answer. */
static long turn(struct ring *r)
{
	unsigned tail = *word(r, r->p.sq_off.tail), mask = *word(r, r->p.sq_off.ring_mask);
	long done;

	r->sqes[tail & mask] = (struct io_uring_sqe){.opcode = IORING_OP_NOP};
	word(r, r->p.sq_off.array)[tail & mask] = tail & mask;
	atomic_store((_Atomic unsigned *)word(r, r->p.sq_off.tail), tail + 1);
	done = syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (done == 1)
		*word(r, r->p.cq_off.head) += 1;
	return done < 0 ? -errno : done;
}

static long use(struct ring *r)
{
	long result = 1;

	for (int i = 0; i < TURNS && result == 1; i++) {
		sleep_ms(1);
		compute(1);
		result = turn(r);
	}
	return result;
}

static void *busy(void *unused)
{
	while (!over) {
		compute(3);
		sleep_ms(1);
	}
	return unused;
}

static void *user(void *flags)
{
	struct ring r;

	if (!make(&r, *(unsigned *)flags))
		return (void *)-1L;
	if (*(unsigned *)flags & IORING_SETUP_R_DISABLED)
		expect(syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0);
	return (void *)use(&r);
}

int main(void)
{
	unsigned flags[USERS] = {0, IORING_SETUP_R_DISABLED};
	pthread_t busy_ones[BUSY], t[USERS];
	struct ring mine;
	void *result;

	if (!make(&mine, 0)) {
		printf("no such rings\n");
		return 0;
	}
	for (int i = 0; i < BUSY; i++)
		busy_ones[i] = start(busy, NULL);
	for (int i = 0; i < USERS; i++)
		t[i] = start(user, &flags[i]);
	printf("main: %ld\n", use(&mine));
	for (int i = 0; i < USERS; i++) {
		pthread_join(t[i], &result);
		printf("thread %d: %ld\n", i, (long)result);
	}
	over = 1;
	for (int i = 0; i < BUSY; i++)
		pthread_join(busy_ones[i], NULL);
	return 0;
}
