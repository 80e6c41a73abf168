/*
 * vervet --list: the symbol table in words. One block per family and rung; scripts/coverage makes the README's
 * table of it.
 */
#include "vervet.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *what;
} families[] = {
#define FAMILY(name, what) {#name, what},
#include "../interpose/families.def"
#undef FAMILY
};

static const struct {
	const char *name, *family, *rung;
} functions[] = {
#define SYM(name, family, rung) {#name, #family, #rung},
#define ALIAS(name, target, family, rung) {#name, #family, #rung},
#include "../interpose/symbols.def"
#undef SYM
#undef ALIAS
};

static const struct {
	const char *rung, *word;
} rungs[] = {{"PARK", "park"}, {"HOP", "hop"}, {"PASS", "pass"}};

enum { WIDTH = 100 };

/* "  park  name name ..." in lines of WIDTH. */
static void list_rung(const char *family, size_t rung)
{
	int column = 0;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(functions[i].family, family) || strcmp(functions[i].rung, rungs[rung].rung))
			continue;
		if (column && column + strlen(functions[i].name) + 1 > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (!column)
			column = printf("  %-4s ", rungs[rung].word);
		column += printf(" %s", functions[i].name);
	}
	if (column)
		putchar('\n');
}

int list_functions(void)
{
	puts("park: the greenlet waits on the hub.  hop: it makes the call on a spare kernel thread.\n"
	     "pass: the real call, with bookkeeping before or after.");
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		printf("\n%s: %s\n", families[f].name, families[f].what);
		for (size_t r = 0; r < sizeof(rungs) / sizeof(rungs[0]); r++)
			list_rung(families[f].name, r);
	}
	return 0;
}
