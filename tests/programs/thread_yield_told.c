/* A thread that has told another by a pipe, and spins and yields until the answer, has it after few yields. */
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 500, FEW = 20 };

static int to_other[2];
static atomic_int answers;

static void *answer(void *unused)
{
	struct pollfd p = {.fd = to_other[0], .events = POLLIN};
	char c;

	while (poll(&p, 1, -1) == 1 && read(to_other[0], &c, 1) == 1)
		answers++;
	return unused;
}

int main(void)
{
	int yields = 0;
	pthread_t t;

	one_processor();
	expect(pipe(to_other) == 0);
	expect(pthread_create(&t, NULL, answer, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		expect(write(to_other[1], "!", 1) == 1);
		for (; answers <= i; yields++)
			sched_yield();
	}
	expect(close(to_other[1]) == 0);
	expect(pthread_join(t, NULL) == 0);
	puts(yields < ROUNDS * FEW ? "few" : "many");
	return 0;
}
