/* 100,000 greenlets, each waiting on its own event, set in random order: all wake, at most 8 KiB of memory each, under
 * two seconds. What the hub itself needs is there before the memory is measured. */
#include "check.h"

enum { N = 100000, WARM = 10000, BYTES_MAX = 8192, MS_MAX = 2000 };

static struct vv_event *events[N];
static int order[N], woken;

static void *wait_for(void *event)
{
	expect(vv_event_wait(event, VV_FOREVER) == 0);
	woken++;
	return NULL;
}

/* statm's counter is approximate; this one is exact. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kib = 0;

	while (f && fgets(line, sizeof line, f) && sscanf(line, "Rss: %ld", &kib) != 1)
		;
	expect(f && kib);
	fclose(f);
	return kib * 1024;
}

static void shuffle(void)
{
	for (int i = 0; i < N; i++)
		order[i] = i;
	srandom(1);
	for (int i = N - 1; i > 0; i--) {
		int j = random() % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

int main(void)
{
	int64_t start = now_ns();
	long before, each, used;

	shuffle();
	for (int i = 0; i < N; i++)
		expect((events[i] = vv_event_new()));
	for (int i = 0; i < WARM; i++)
		expect(vv_go(wait_for, events[i]) == 0);
	vv_yield();
	resident(); /* its own pages are there, too */
	before = resident();
	for (int i = WARM; i < N; i++)
		expect(vv_go(wait_for, events[i]) == 0);
	vv_yield();
	each = (resident() - before) / (N - WARM);
	for (int i = 0; i < N; i++)
		vv_event_set(events[order[i]]);
	vv_yield();
	expect(woken == N);
	for (int i = 0; i < N; i++)
		vv_event_free(events[i]);
	expect(vv_objects() == 0);
	used = clock() / (CLOCKS_PER_SEC / 1000); /* of the CPU: others may keep it busy */
	printf("%d greenlets, %ld bytes each, %ld ms, %ld ms of CPU\n", N, each, (long)((now_ns() - start) / 1000000),
	    used);
	expect(each <= BYTES_MAX);
	expect(used < MS_MAX);
	return 0;
}
