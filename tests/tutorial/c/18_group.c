/* Row 18: a group is joined as one. */
#include "say.h"

static void *talk(void *msg)
{
	for (int i = 0; i < 3; i++)
		say("%s", (char *)msg);
	return NULL;
}

int main(void)
{
	struct vv_greenlet *gs[] = {vv_spawn(talk, "bar"), vv_spawn(talk, "foo"), vv_spawn(talk, "fizz")};
	struct vv_group *group = vv_group_new();

	vv_group_add(group, gs[0], VV_FOREVER);
	vv_group_add(group, gs[1], VV_FOREVER);
	vv_group_join(group, VV_FOREVER);
	vv_group_add(group, gs[2], VV_FOREVER);
	vv_group_join(group, VV_FOREVER);
	join_and_free(gs, 3);
	vv_group_free(group);
	return 0;
}
