/*
 * errno, __thread variables, keys and the uselocale locale belong to each thread, across yields, sleeps, locks and
 * blocking reads.
 */
#include "check.h"

#include <locale.h>

enum { THREADS = 8, ROUNDS = 30 };

static __thread int number;
static __thread struct {
	char text[100];
	long big[300];
} block;
static pthread_key_t key;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int pipes[THREADS][2];

static void block_somehow(int how, int i)
{
	char byte;

	switch (how % 4) {
	case 0:
		sched_yield();
		break;
	case 1:
		usleep(200);
		break;
	case 2:
		pthread_mutex_lock(&lock);
		sched_yield();
		pthread_mutex_unlock(&lock);
		break;
	case 3:
		expect(write(pipes[(i + 1) % THREADS][1], "x", 1) == 1);
		expect(read(pipes[i][0], &byte, 1) == 1);
		break;
	}
}

static void *live(void *arg)
{
	int i = (int)(long)arg;
	locale_t mine = newlocale(LC_ALL_MASK, "C", NULL);

	expect(number == 0 && block.text[0] == 0 && block.big[299] == 0);
	expect(pthread_getspecific(key) == NULL);
	expect(uselocale(NULL) == LC_GLOBAL_LOCALE);
	uselocale(mine);
	expect(pthread_setspecific(key, &pipes[i]) == 0);
	number = i;
	snprintf(block.text, sizeof block.text, "I am %d", i);
	block.big[299] = i;
	for (int round = 0; round < ROUNDS; round++) {
		char want[20];

		errno = 100 + i;
		int before = errno;
		block_somehow(round, i);
		expect(before == 100 + i);
		expect(round % 4 == 3 || errno == 100 + i);
		expect(number == i + 1000 * round);
		number += 1000;
		snprintf(want, sizeof want, "I am %d", i);
		expect(strcmp(block.text, want) == 0 && block.big[299] == i);
		expect(pthread_getspecific(key) == &pipes[i]);
		expect(uselocale(NULL) == mine);
	}
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(mine);
	return (void *)(long)number;
}

int main(void)
{
	pthread_t t[THREADS];

	expect(pthread_key_create(&key, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		expect(pipe(pipes[i]) == 0);
	number = -1;
	for (int round = 0; round < 3; round++) {
		for (long i = 0; i < THREADS; i++)
			t[i] = start(live, (void *)i);
		for (int i = 0; i < THREADS; i++)
			printf("%ld ", (long)join(t[i]));
		printf("main's own: %d\n", number);
	}
	return 0;
}
