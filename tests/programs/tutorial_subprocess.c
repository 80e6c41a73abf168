/*
 * A ticking thread goes on while main waits for a child's output.
 */
#include "check.h"

static _Atomic int ticks, stop;

static void *cron(void *arg)
{
	while (!stop) {
		ticks++;
		usleep(10000);
	}
	return arg;
}

int main(void)
{
	pthread_t t = start(cron, NULL);
	char line[100];
	FILE *sub = popen("sleep 0.3; uname", "r");

	expect(sub && fgets(line, sizeof line, sub));
	expect(pclose(sub) == 0);
	stop = 1;
	join(t);
	printf("ticked meanwhile: %d\n%s", ticks >= 5, line);
	return 0;
}
