/* Row 5: a pool's results come in the same order each time. */
#include "say.h"

enum { N = 10 };

static void *echo(void *i)
{
	vv_sleep(VV_MS(1));
	return i;
}

static void run(struct vv_group *pool, long *results)
{
	void *items[N], *value;
	struct vv_imap *m;

	for (long i = 0; i < N; i++)
		items[i] = NUMBER(i);
	m = vv_group_imap_unordered(pool, echo, items, N);
	for (int i = 0; vv_imap_next(m, &value, VV_FOREVER) == 1; i++)
		results[i] = (long)value;
	vv_imap_free(m);
}

int main(void)
{
	struct vv_group *pool = vv_pool_new(N);
	long results[4][N];
	int same = 1;

	for (int i = 0; i < 4; i++)
		run(pool, results[i]);
	for (int i = 1; i < 4; i++)
		same &= memcmp(results[0], results[i], sizeof results[0]) == 0;
	say(same ? "True" : "False");
	vv_group_free(pool);
	return 0;
}
