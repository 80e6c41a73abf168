/*
 * Threads that end while others join, detach and cancel them: joined by any call, detached at birth, by themselves, by
 * others as they end; their joiners cancelled, and the join done by another; ended from within calls, by children that
 * outlive their parents, and main before the last of them. Each is joined once or detached once, with its own result, and
 * every wrong join is refused.
 */
#include "torture.h"

enum { DEPTH = 5 };

static atomic_long begun, ended;
static atomic_int joiners_cancelled;

struct life {
	struct dice dice;
	pthread_t self;
	int children;
};

static void count_end(void *unused)
{
	(void)unused;
	ended++;
}

static void *live(void *life);

static struct life *bear(pthread_t *t, struct dice *d, bool detached, int children)
{
	struct life *l = malloc(sizeof *l);
	pthread_attr_t attr;

	*l = (struct life){{roll(d)}, 0, children};
	pthread_attr_init(&attr);
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	begun++;
	insist(pthread_create(t, &attr, live, l) == 0);
	pthread_attr_destroy(&attr);
	return l;
}

static void *join_it(void *t)
{
	void *value;

	insist(pthread_join(*(pthread_t *)t, &value) == 0);
	return value;
}

/* Somebody else waits for t, and may be cancelled while it does: then t is still to be joined. */
static void *join_by_another(pthread_t t, struct dice *d)
{
	pthread_t other;
	void *value;

	insist(pthread_create(&other, NULL, join_it, &t) == 0);
	dawdle(d);
	if (pick(d, 2))
		insist(pthread_cancel(other) == 0);
	insist(pthread_join(other, &value) == 0);
	if (value == PTHREAD_CANCELED) {
		joiners_cancelled++;
		insist(pthread_join(t, &value) == 0);
	}
	return value;
}

static void *join_somehow(pthread_t t, struct dice *d)
{
	unsigned way;
	void *value;

	do {
		way = pick(d, 5);
		if (way == 3)
			return join_by_another(t, d);
		if (way == 4)
			insist(pthread_join(t, &value) == 0);
	} while (way < 3 && join_briefly(t, way, d, &value) != 0);
	return value;
}

static void one_child(struct dice *d, int children)
{
	pthread_t t;
	struct life *l;

	switch (pick(d, 3)) {
	case 0:
		bear(&t, d, true, children);
		break;
	case 1:
		bear(&t, d, false, children);
		dawdle(d);
		insist(pthread_detach(t) == 0);
		break;
	default:
		l = bear(&t, d, false, children);
		dawdle(d);
		insist(join_somehow(t, d) == l);
		free(l);
	}
}

static __attribute__((noinline)) void leave(int depth, void *value)
{
	if (depth > 0)
		leave(depth - 1, value);
	pthread_exit(value);
}

/* Freed by whoever joins it; the others' are few. */
static void *live(void *life)
{
	struct life *l = life;
	struct dice *d = &l->dice;
	pthread_attr_t attr;
	int detached;

	pthread_cleanup_push(count_end, NULL);
	l->self = pthread_self();
	insist(pthread_getattr_np(l->self, &attr) == 0);
	insist(pthread_attr_getdetachstate(&attr, &detached) == 0);
	pthread_attr_destroy(&attr);
	if (detached == PTHREAD_CREATE_JOINABLE && pick(d, 2)) {
		int r = pthread_join(l->self, NULL);

		insist(r == EDEADLK || r == EINVAL); /* detached since */
	}
	for (int n = l->children; n > 0; n--)
		one_child(d, n / 2);
	dawdle(d);
	if (pick(d, 3) == 0)
		leave(pick(d, DEPTH), l);
	pthread_cleanup_pop(1);
	return l;
}

static void *work(void *dice)
{
	for (long n = 0; n < operations; n++)
		one_child(dice, pick(dice, 4));
	return NULL;
}

/* The process ends with status 0 when the last of them does, and not before. */
static void *be_last(void *unused)
{
	(void)unused;
	while (ended < begun)
		usleep(100);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	begin(argc, argv);
	if (argc < 3)
		operations = 15;
	run_all(threads < 8 ? threads : 8, work);
	insist(pthread_create(&t, NULL, be_last, NULL) == 0);
	if (seed % 2) {
		pthread_detach(t);
		pthread_exit(NULL);
	}
	insist(pthread_join(t, NULL) == 0 && ended == begun);
	return 0;
}
