/*
 * What --fan-out=check has found (interpose/fancheck.c), in words: which memory, and where its two writers stood.
 */
#include "see.h"

#include "../interpose/fancheck.h"

#include <stdlib.h>

static void print_site(const char *what, uint32_t serial, const struct stack *s)
{
	printf("    connection %u %s:\n", serial, what);
	for (int i = 0; i < s->n; i++)
		printf("        %2d %s\n", i, s->frames[i]);
}

static bool read_site(const struct target *t, uint64_t at, struct vv__site *s)
{
	return at && target_memory(t, at, s, sizeof(*s)) == sizeof(*s) && s->bytes <= VV__SITE_STACK;
}

static void print_memory(const struct vv__conflict *c, const char *in)
{
	const char *name = c->in_heap ? "heap memory" : variable_at(c->address);

	printf("vervet: check: two connections in flight both wrote ");
	if (name)
		printf("%s", name);
	else
		printf("0x%lx", (unsigned long)c->address);
	printf(
	    "%s%s, %lu bytes: run it with --fan-out=fork\n", *in ? " in " : "", in, (unsigned long)c->size);
}

int print_conflict(const struct target *t, uintptr_t at)
{
	static struct vv__site site;
	struct vv__conflict c;
	struct stack stack = {.n = 0};
	char in[TEXT] = "", other[TEXT];

	if (target_memory(t, at, &c, sizeof(c)) != sizeof(c))
		return complain(VV__EXIT_FAILED, "%d: no report there", t->pid);
	if (read_site(t, c.now, &site))
		unwind_site(t, &site, &stack, in);
	print_memory(&c, in);
	print_site("writes it here", c.serial_now, &stack);
	if (read_site(t, c.before, &site)) {
		unwind_site(t, &site, &stack, other);
		print_site(
		    c.waits ? "has made it, and waits here" : "has written it here", c.serial_before, &stack);
	}
	return fflush(stdout) ? VV__EXIT_FAILED : 0;
}
