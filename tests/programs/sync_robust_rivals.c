/*
 * Two threads find a robust, inheriting mutex of this process dead at the same moment, again and again: one of them learns
 * of the death, only one has it, and whoever has it can unlock it.
 */
#include "check.h"

#include <stdatomic.h>

enum { ROUNDS = 1500, PATIENCE_S = 1 };

static pthread_mutex_t mutex;
static atomic_int start_at, learned, done, inside, over;

static void *die_with_it(void *unused)
{
	expect(pthread_mutex_lock(&mutex) == 0);
	return unused;
}

static void take_in_turn(int round)
{
	int r;

	start_at = round;
	do
		r = pthread_mutex_trylock(&mutex);
	while (r == EBUSY);
	expect(inside++ == 0);
	if (r == EOWNERDEAD) {
		learned++;
		expect(pthread_mutex_consistent(&mutex) == 0);
	} else {
		expect(r == 0);
	}
	inside--;
	expect(pthread_mutex_unlock(&mutex) == 0);
	done++;
}

static void *rival(void *unused)
{
	for (int round = 1;; round++) {
		while (start_at < round && !over)
			;
		if (over)
			return unused;
		take_in_turn(round);
	}
}

int main(void)
{
	time_t end = time(NULL) + PATIENCE_S; /* on one core each turn takes its time */
	pthread_mutexattr_t attr;
	pthread_t t;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	expect(pthread_mutex_init(&mutex, &attr) == 0);
	t = start(rival, NULL);
	for (int round = 1; round <= ROUNDS && time(NULL) <= end; round++) {
		join(start(die_with_it, NULL));
		take_in_turn(round);
		while (done < 2 * round)
			;
		expect(learned == round);
	}
	over = 1;
	join(t);
	printf("each death was learned of\n");
	return 0;
}
