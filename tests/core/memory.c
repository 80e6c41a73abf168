/*
 * Memory that is not malloc's, and the short locks.
 */
#include "../../core/core.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SIZE = 192, MANY = 5000, THREADS = 4 };

static struct vv__slab slab = {.size = SIZE};

static bool is_zero(const char *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

Test(memory, pages_are_zero_and_writable)
{
	char *p = vv__pages(100000);

	cr_assert_not_null(p);
	cr_expect(is_zero(p, 100000));
	memset(p, 1, 100000);
}

Test(memory, records_are_zero_distinct_and_whole)
{
	static unsigned char *record[MANY];

	for (int i = 0; i < MANY; i++) {
		record[i] = vv__slab_get(&slab);
		cr_assert(is_zero((char *)record[i], SIZE));
		memset(record[i], i % 251 + 1, SIZE);
	}

	for (int i = 0; i < MANY; i++)
		for (int j = 0; j < SIZE; j++)
			cr_assert_eq(record[i][j], i % 251 + 1);
}

Test(memory, a_record_given_back_is_used_again_and_zero)
{
	char *first = vv__slab_get(&slab), *second;

	memset(first, 1, SIZE);
	vv__slab_put(&slab, first);
	second = vv__slab_get(&slab);

	cr_expect_eq(first, second);
	cr_expect(is_zero(second, SIZE));
}

static _Atomic int lock;
static long counted;

static void *churn(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		char *p = vv__slab_get(&slab);

		memset(p, (int)(long)arg, SIZE);
		vv__lock(&lock);
		counted++;
		vv__unlock(&lock);
		for (int j = 0; j < SIZE; j++)
			if (p[j] != (char)(long)arg)
				return "torn";
		vv__slab_put(&slab, p);
	}
	return NULL;
}

Test(memory, slab_and_lock_serve_threads_at_once)
{
	pthread_t t[THREADS];
	void *wrong;

	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, churn, (void *)(i + 1));

	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &wrong);
		cr_expect_null(wrong);
	}
	cr_expect_eq(counted, THREADS * 20000);
}
