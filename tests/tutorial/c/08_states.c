/* Row 8: the states of a greenlet. The failure is reported on standard error, once. vervet-stderr: You fail at failing. */
#include "say.h"

static void *win(void *unused)
{
	return "You win!";
}

static void *fail(void *unused)
{
	vv_fail(EIO, "You fail at failing.");
}

static const char *truth(int value)
{
	return value ? "True" : "False";
}

int main(void)
{
	struct vv_greenlet *winner = vv_spawn(win, NULL), *loser = vv_spawn(fail, NULL);
	struct vv_greenlet *both[] = {winner, loser};

	say("%s", truth(vv_started(winner)));
	say("%s", truth(vv_started(loser)));
	if (vv_joinall(both, 2, 2, VV_FOREVER, NULL) < 0)
		say("This will never be reached");
	say("%s", (char *)vv_value(winner));
	say("%s", vv_value(loser) ? "something" : "None");
	say("%s", truth(vv_ready(winner)));
	say("%s", truth(vv_ready(loser)));
	say("%s", truth(vv_successful(winner)));
	say("%s", truth(vv_successful(loser)));
	say("%s", vv_message(loser));
	if (vv_get(loser, NULL, 0) != -EIO)
		say("The error is not handed on");
	join_and_free(both, 2);
	return 0;
}
