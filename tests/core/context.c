/*
 * The context switch of this CPU; the cases are in context_cases.h.
 */
#include "context_cases.h"

#include <criterion/criterion.h>

#define CASE(name)                                                                                           \
	Test(context, name)                                                                                  \
	{                                                                                                    \
		const char *wrong = case_##name();                                                           \
                                                                                                             \
		cr_assert_null(wrong, "%s", wrong);                                                          \
	}

CASE(switch_there_and_back)
CASE(registers_are_kept)
CASE(frame_is_as_said)
CASE(rounding_modes_are_separate)
CASE(new_stack_is_aligned)
CASE(published_thread_goes_on_elsewhere)

/* The same when the kernel has to be asked to set the thread pointer. */
Test(context, thread_pointer_by_system_call)
{
	pthread_t t;

	case_begin();
	vv__context_fast_tp = 0;
	case_tid = 1;
	cr_assert_eq(pthread_create(&t, NULL, publish, NULL), 0);
	await_end();

	vv__context_switch(&case_main, &case_other);

	cr_expect_eq(case_steps, 40);
	cr_expect_eq(case_local, 5);
}
