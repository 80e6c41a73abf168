/* Row 19: mapping with a group: in order, and as they come. */
#include "say.h"

static struct vv_group *group;
static void *items[] = {NUMBER(0), NUMBER(1), NUMBER(2)};

static void *hello_from(void *n)
{
	static uint64_t seen;

	say("Size of group %d", vv_group_size(group));
	say(vv_greenlet_id(vv_current()) != seen ? "Hello from Greenlet" : "Hello from the same");
	seen = vv_greenlet_id(vv_current());
	return NULL;
}

static void *intensive(void *n)
{
	vv_sleep(SECONDS(3 - (long)n));
	return n;
}

static void print_all(struct vv_imap *m)
{
	void *n;

	while (vv_imap_next(m, &n, VV_FOREVER) == 1)
		say("('task', %ld)", (long)n);
	vv_imap_free(m);
}

int main(void)
{
	group = vv_group_new();
	vv_group_map(group, hello_from, items, 3, NULL);
	say("Ordered");
	print_all(vv_group_imap(group, intensive, items, 3));
	say("Unordered");
	print_all(vv_group_imap_unordered(group, intensive, items, 3));
	vv_group_free(group);
	return 0;
}
