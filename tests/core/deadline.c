/*
 * The heap of deadlines.
 */
#include "../../core/deadline.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { N = 3000 };

static struct vv__wait waits[N];
static struct vv__heap heap;

Test(deadline, empty_heap_never_ends)
{
	cr_expect_eq(vv__heap_earliest(&heap), VV__FOREVER);
}

Test(deadline, earliest_comes_first_in_any_order_of_adding)
{
	int64_t last = -1;

	for (int i = 0; i < N; i++) {
		waits[i].deadline = (int64_t)i * 7919 % N;
		cr_assert_eq(vv__heap_add(&heap, &waits[i]), 0);
	}

	for (int i = 0; i < N; i++) {
		struct vv__wait *first = heap.at[0];

		cr_assert_eq(vv__heap_earliest(&heap), first->deadline);
		cr_assert_geq(first->deadline, last);
		last = first->deadline;
		vv__heap_remove(&heap, first);
		cr_assert_eq(first->heap_index, 0);
	}
	cr_expect_eq(vv__heap_earliest(&heap), VV__FOREVER);
}

Test(deadline, equal_deadlines_keep_the_order_of_adding)
{
	for (int i = 0; i < 100; i++) {
		waits[i].deadline = 5;
		vv__heap_add(&heap, &waits[i]);
	}

	for (int i = 0; i < 100; i++) {
		cr_assert_eq(heap.at[0], &waits[i]);
		vv__heap_remove(&heap, heap.at[0]);
	}
}

/* Add and remove at random, from the middle too, and compare with a look at all. */
Test(deadline, any_of_them_can_be_taken_out)
{
	unsigned seed = 12345;

	for (int step = 0; step < 20000; step++) {
		struct vv__wait *w = &waits[rand_r(&seed) % 200];
		int64_t earliest = VV__FOREVER;

		if (w->heap_index) {
			vv__heap_remove(&heap, w);
		} else {
			w->deadline = rand_r(&seed) % 50;
			vv__heap_add(&heap, w);
		}

		for (int i = 0; i < 200; i++)
			if (waits[i].heap_index && waits[i].deadline < earliest)
				earliest = waits[i].deadline;
		cr_assert_eq(vv__heap_earliest(&heap), earliest, "after step %d", step);
	}
}
