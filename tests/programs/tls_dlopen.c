/*
 * Thread-local variables of a library opened at run time, in threads started before and after; also once their control
 * blocks are used again, and across a close and a second open.
 * vervet-lib: tls
 */
#include "check.h"

#include <dlfcn.h>
#include <libgen.h>

static long (*count)(void);
static int (*zeroes)(char);
static struct turn turn = TURN;

static void *use(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	for (int i = 0; i < 5; i++) {
		expect(count() == 1000 + i);
		sched_yield();
	}
	expect(zeroes(1) == 0);
	sleep_ms(1);
	expect(zeroes(2) == 2000);
	return (void *)count();
}

static void load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		fprintf(stderr, "%s\n", dlerror());
	expect(lib);
	count = (long (*)(void))dlsym(lib, "tls_count");
	zeroes = (int (*)(char))dlsym(lib, "tls_zeroes");
	expect(count && zeroes);
}

int main(void)
{
	pthread_t before[4], after[4];
	char self[4096], path[4200];

	expect(readlink("/proc/self/exe", memset(self, 0, sizeof self), sizeof self - 1) > 0);
	snprintf(path, sizeof path, "%s/libtls.so", dirname(self));
	for (int i = 0; i < 4; i++)
		before[i] = start(use, (void *)1L);
	let_block();
	load(path);
	for (int i = 0; i < 4; i++)
		after[i] = start(use, (void *)1L);
	turn_set(&turn, 1);
	for (int i = 0; i < 4; i++)
		printf("before: %ld, after: %ld\n", (long)join(before[i]), (long)join(after[i]));
	for (int i = 0; i < 20; i++)
		expect((long)join(start(use, (void *)1L)) == 1005);
	printf("main: %ld\n", count());
	printf("main: %ld\n", count());
	return 0;
}
