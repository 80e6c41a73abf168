/* What the tutorial's programs share: prints that come out at once, and numbers as arguments. */
#include <vervet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tutorial's seconds are tenths here, but for row 2, which prints them. */
#define SECONDS(s) VV_MS((s)*100)
#define NUMBER(n) ((void *)(long)(n))

#define say(...) (printf(__VA_ARGS__), putchar('\n'), fflush(stdout))

static inline void join_and_free(struct vv_greenlet **gs, int n)
{
	vv_joinall(gs, n, n, VV_FOREVER, NULL);
	for (int i = 0; i < n; i++)
		vv_greenlet_free(gs[i]);
}
