/*
 * The context cases as a plain program, for CPUs that only an emulator offers: prints what is wrong, ends with 1.
 */
#include "context_cases.h"

#include <stdio.h>

static int failed;

static void run(const char *name, const char *wrong)
{
	if (!wrong)
		return;
	printf("%s: not so: %s\n", name, wrong);
	failed = 1;
}

int main(void)
{
	run("switch_there_and_back", case_switch_there_and_back());
	run("registers_are_kept", case_registers_are_kept());
	run("frame_is_as_said", case_frame_is_as_said());
	run("rounding_modes_are_separate", case_rounding_modes_are_separate());
	run("new_stack_is_aligned", case_new_stack_is_aligned());
	run("published_thread_goes_on_elsewhere", case_published_thread_goes_on_elsewhere());
	fflush(stdout);
	_exit(failed);
}
