/*
 * vervet dump PID: every greenlet, what it waits for and its backtrace, as text or JSON.
 */
#include "see.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	bool json, running, no_stacks, deadlocks, unhooked;
	const char *only;
	long greenlet;
	const char *reason; /* a report: why */
	uintptr_t conflict; /* address of what --fan-out=check has found */
};

enum { MANY = 200, HASH = 1 << 12 };

/* ---- equal stacks are printed once ---- */

static struct known {
	struct stack stack;
	uint64_t id;
	struct known *next;
} * known[HASH];

/* The greenlet that had the same stack before, or 0. */
static uint64_t seen_before(const struct stack *s, uint64_t id)
{
	uint64_t hash = 0;
	struct known *k;

	for (int i = 0; i < s->n; i++)
		hash = (hash ^ (uintptr_t)s->frames[i]) * 0x9e3779b97f4a7c15ul;
	for (k = known[hash % HASH]; k; k = k->next)
		if (k->stack.n == s->n &&
		    !memcmp(k->stack.frames, s->frames, (size_t)s->n * sizeof(*s->frames)))
			return k->id;
	k = malloc(sizeof(*k));
	if (k) {
		*k = (struct known){*s, id, known[hash % HASH]};
		known[hash % HASH] = k;
	}
	return 0;
}

/* ---- stack use ---- */

struct use {
	size_t now, most, size; /* bytes; size 0: not known */
};

/* Pages of the stack that were ever touched, from the lowest on: the kernel's page table tells. */
static size_t high_water(const struct target *t, uintptr_t low, uintptr_t top)
{
	enum { PAGE = 4096, AT_ONCE = 512 };
	uint64_t entries[AT_ONCE];
	char path[64];
	size_t most = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", t->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (uintptr_t at = low & ~(uintptr_t)(PAGE - 1); fd >= 0 && at < top && !most;
	     at += (uintptr_t)PAGE * AT_ONCE) {
		ssize_t n = pread(fd, entries, sizeof(entries), (off_t)(at / PAGE * 8));

		for (ssize_t i = 0; i < n / 8 && at + (uintptr_t)i * PAGE < top && !most; i++)
			if (entries[i] >> 62)
				most = top - (at + (uintptr_t)i * PAGE);
	}
	if (fd >= 0)
		close(fd);
	return most;
}

static struct use stack_use(const struct target *t, const struct seen *s)
{
	struct use use = {0, 0, 0};
	uintptr_t top = s->g.ctx.tp, sp = (uintptr_t)s->g.ctx.sp;

	if (s->g.foreign || s->g.id == 1 || !s->g.stack_size || !top)
		return use;
	if (sp < top && top - sp <= s->g.stack_size)
		use.now = top - sp;
	use.size = s->g.stack_size;
	if (t->n <= 2000)
		use.most = high_water(t, top - s->g.stack_size + 4096, top);
	return use;
}

/* ---- text ---- */

static void print_stack(const struct seen *s, const struct stack *stack)
{
	uint64_t before = stack->n ? seen_before(stack, s->g.id) : 0;

	if (before) {
		printf("    stack as greenlet %lu\n", (unsigned long)before);
		return;
	}
	for (int i = 0; i < stack->n; i++)
		printf("    %2d %s\n", i, stack->frames[i]);
}

static void print_greenlet(const struct target *t, const struct seen *s, const struct options *o)
{
	char label[64], state[TEXT], age[32], busy[32];
	struct use use = stack_use(t, s);
	struct stack stack = {.n = 0};

	greenlet_label(s, label);
	state_text(t, s, state);
	duration_text(t->now - s->g.made, age);
	duration_text(s->g.cpu_ns, busy);
	printf("%s: %s\n    age %s, switches %lu, CPU about %s", label, state, age,
	    (unsigned long)s->g.switches, busy);
	if (use.size && use.most)
		printf(", stack %zu KiB now, %zu at most, of %zu", use.now >> 10, use.most >> 10,
		    use.size >> 10);
	else if (use.size)
		printf(", stack %zu KiB of %zu", use.now >> 10, use.size >> 10);
	if (use.most && use.most >= use.size - use.size / 8)
		printf(" (nearly exhausted)");
	if (s->g.cooperative)
		printf(", cooperative");
	if (s->g.foreign)
		printf(", a kernel thread that vervet did not make");
	putchar('\n');
	if (!o->no_stacks) {
		unwind(t, s, &stack);
		print_stack(s, &stack);
	}
}

static void count_states(const struct target *t, char text[TEXT])
{
	static const char *const words[] = {"running", "runnable", "parked", "hopping", "ended"};
	size_t n = 0;

	for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
		unsigned count = 0;

		for (size_t i = 0; i < t->n; i++)
			count += !strcmp(state_word(t, &t->all[i]), words[w]);
		if (count)
			n += (size_t)snprintf(text + n, TEXT - n, "%s%u %s", n ? ", " : "", count, words[w]);
	}
	text[n] = 0;
}

static void print_cycle(const struct target *t, int cycle)
{
	char label[64], owner[64];

	printf("deadlock %d:\n", cycle);
	for (size_t i = 0; i < t->n; i++) {
		const struct seen *s = &t->all[i];

		if (s->cycle != cycle)
			continue;
		greenlet_label(s, label);
		greenlet_label(&t->all[s->owner], owner);
		if (!strcmp(s->what, "thread"))
			printf("    %s waits for the end of %s\n", label, owner);
		else
			printf("    %s waits for %s %p held by %s\n", label, s->what, s->wait.key, owner);
	}
}

static bool wanted(const struct target *t, const struct seen *s, const struct options *o)
{
	char label[64], state[TEXT];

	if (o->greenlet && s->g.id != (uint64_t)o->greenlet)
		return false;
	if (o->deadlocks && !s->cycle)
		return false;
	if (!o->only)
		return true;
	greenlet_label(s, label);
	state_text(t, s, state);
	return strstr(label, o->only) || strstr(state, o->only);
}

static void print_text(const struct target *t, const struct options *o)
{
	char hub[TEXT], states[TEXT];
	bool found = false;

	hub_text(t, hub);
	count_states(t, states);
	printf("%s (%d): %zu greenlet%s: %s\n%s; %d kernel threads; switches %lu, parks %lu, hops %lu, "
	       "hand-overs %lu\n",
	    t->name, t->pid, t->n, t->n == 1 ? "" : "s", states, hub, t->kernel_threads,
	    (unsigned long)atomic_load(&((struct target *)t)->stats.switches),
	    (unsigned long)atomic_load(&((struct target *)t)->stats.parks),
	    (unsigned long)atomic_load(&((struct target *)t)->stats.hops),
	    (unsigned long)atomic_load(&((struct target *)t)->stats.handovers));
	if (t->n > MANY && !o->only && !o->greenlet && !o->deadlocks)
		puts("(many: --only=TEXT, --greenlet=N, --deadlocks and --no-stacks show less)");
	for (int i = 1; i <= t->cycles; i++)
		print_cycle(t, i);
	for (size_t i = 0; i < t->n; i++)
		if (wanted(t, &t->all[i], o)) {
			print_greenlet(t, &t->all[i], o);
			found = true;
		}
	if (!found)
		puts(o->deadlocks ? "no deadlock" : "no such greenlet");
}

/* ---- JSON ---- */

static void json_pair(const char *name, const char *value)
{
	printf("\"%s\": ", name);
	json_string(stdout, value);
	printf(", ");
}

static void json_greenlet(const struct target *t, const struct seen *s, const struct options *o)
{
	char state[TEXT];
	struct use use = stack_use(t, s);
	struct stack stack = {.n = 0};

	state_text(t, s, state);
	printf("{\"id\": %lu, \"tid\": %d, ", (unsigned long)s->g.id, s->g.tid);
	json_pair("name", s->g.name);
	json_pair("state", state_word(t, s));
	json_pair("text", state);
	if (s->waits) {
		json_pair("waits_for", s->what);
		printf("\"parked_s\": %.6f, ", (double)(t->now - s->wait.since) / 1e9);
		if (s->wait.kind == VV__WAIT_ADDRESS)
			printf("\"address\": \"%p\", ", s->wait.key);
	}
	if (s->owner >= 0)
		printf("\"owner\": %lu, ", (unsigned long)t->all[s->owner].g.id);
	if (s->cycle)
		printf("\"deadlock\": %d, ", s->cycle);
	if (s->tid)
		printf("\"kernel_thread\": %d, ", s->tid);
	printf("\"age_s\": %.6f, \"cpu_s\": %.6f, \"switches\": %lu, ", (double)(t->now - s->g.made) / 1e9,
	    (double)s->g.cpu_ns / 1e9, (unsigned long)s->g.switches);
	printf("\"stack\": {\"now\": %zu, \"most\": %zu, \"size\": %zu}, \"frames\": [", use.now, use.most,
	    use.size);
	if (!o->no_stacks)
		unwind(t, s, &stack);
	for (int i = 0; i < stack.n; i++) {
		printf(i ? ", " : "");
		json_string(stdout, stack.frames[i]);
	}
	printf("]}");
}

static void print_json(const struct target *t, const struct options *o)
{
	char hub[TEXT];
	bool first = true;

	hub_text(t, hub);
	printf("{\"pid\": %d, ", t->pid);
	json_pair("program", t->name);
	json_pair("hub", hub);
	printf("\"kernel_threads\": %d, \"deadlocks\": %d, \"greenlets\": [", t->kernel_threads, t->cycles);
	for (size_t i = 0; i < t->n; i++) {
		if (!wanted(t, &t->all[i], o))
			continue;
		fputs(first ? "\n" : ",\n", stdout);
		json_greenlet(t, &t->all[i], o);
		first = false;
	}
	puts("\n]}");
}

/* ---- calls that nobody hooked ---- */

/* What stands in parentheses at the end of a frame's text. */
static const char *module_of(const char *frame)
{
	const char *p = strrchr(frame, '(');

	return p ? p + 1 : frame;
}

/* The function that called the system, and those above it until one in another library. */
static void print_unhooked(const struct vv__unhooked *u, const struct stack *s)
{
	size_t n = s->n ? strcspn(module_of(s->frames[0]), ",)") : 0;

	printf("handed over while blocked in %s:", call_name(u->number));
	for (int i = 0; i < s->n && i < 4; i++) {
		if (i && !strncmp(module_of(s->frames[i]), "libvervet.so", 12))
			break;
		printf("%s %s", i ? " <-" : "", s->frames[i]);
		if (i && strncmp(module_of(s->frames[i]), module_of(s->frames[0]), n + 1))
			break;
	}
	printf(": %lu time%s\n", (unsigned long)u->count, u->count == 1 ? "" : "s");
}

static void list_unhooked(const struct target *t, const char *prefix)
{
	struct vv__unhooked *places = calloc(VV__UNHOOKED, sizeof(*places));
	struct stack stack;

	if (places)
		target_memory(t, (uintptr_t)t->in.unhooked, places, VV__UNHOOKED * sizeof(*places));
	for (int i = 0; places && i < VV__UNHOOKED && places[i].pc; i++) {
		unwind_kept(t, &places[i], &stack);
		fputs(prefix, stdout);
		print_unhooked(&places[i], &stack);
	}
	if (!places || !places[0].pc)
		puts("no call was handed over while it blocked, or the program runs without --stats");
	free(places);
}

/* ---- the command ---- */

enum { JSON = 1, RUNNING, NO_STACKS, ONLY, GREENLET, DEADLOCKS, REPORT, UNHOOKED, CONFLICT };

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option all[] = {{"json", no_argument, NULL, JSON},
	    {"conflict", required_argument, NULL, CONFLICT}, {"running", no_argument, NULL, RUNNING},
	    {"no-stacks", no_argument, NULL, NO_STACKS}, {"only", required_argument, NULL, ONLY},
	    {"greenlet", required_argument, NULL, GREENLET}, {"deadlocks", no_argument, NULL, DEADLOCKS},
	    {"report", required_argument, NULL, REPORT}, {"unhooked", no_argument, NULL, UNHOOKED},
	    {NULL, 0, NULL, 0}};
	char *end = "";
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		o->json |= c == JSON;
		o->running |= c == RUNNING;
		o->no_stacks |= c == NO_STACKS;
		o->deadlocks |= c == DEADLOCKS;
		o->unhooked |= c == UNHOOKED;
		if (c == ONLY)
			o->only = optarg;
		if (c == CONFLICT)
			o->conflict = strtoul(optarg, NULL, 10);
		if (c == REPORT)
			o->reason = optarg;
		if (c == GREENLET && ((o->greenlet = strtol(optarg, &end, 10)) <= 0 || *end))
			return complain(VV__EXIT_FAILED, "dump: %s: not a greenlet's number", optarg);
		if (c == '?')
			return complain(VV__EXIT_FAILED,
			    "dump: %s: unknown option or a value is missing, see vervet(1)",
			    argv[optind - 1]);
	}
	return 0;
}

/* A patched process has started us (core/report.c), all signals blocked; it may still have to say that we may read it. */
static int find_reporting(struct target *t, int pid)
{
	sigset_t none;
	int status = 1;
	char path[64];
	FILE *maps;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/proc/%d/maps", pid);
		maps = fopen(path, "re");
		status = maps == NULL;
		if (maps) {
			fclose(maps);
			break;
		}
		usleep(5000);
	}
	return status ? status : target_find(t, pid);
}

int dump_command(int argc, char **argv)
{
	struct options o = {.json = false};
	struct target t;
	int pid, status = read_options(argc, argv, &o);

	if (!status)
		status = parse_pid("dump", argv + optind, &pid);
	if (!status)
		status = o.reason ? find_reporting(&t, pid) : target_find(&t, pid);
	if (!status && !o.unhooked)
		status = target_read(&t);
	if (status)
		return status;
	if (o.unhooked) {
		unwind_begin(&t, false);
		list_unhooked(&t, o.reason ? "vervet: " : "");
		return 0;
	}
	if (o.conflict) {
		unwind_begin(&t, false);
		status = print_conflict(&t, o.conflict);
		target_free(&t);
		return status;
	}
	target_locks(&t);
	if (o.deadlocks && o.reason && !t.cycles)
		return 0; /* it has gone by itself */
	if (!o.no_stacks)
		unwind_begin(&t, o.running);
	if (o.reason)
		printf("vervet: %s\n", o.reason);
	if (o.json)
		print_json(&t, &o);
	else
		print_text(&t, &o);
	if (fflush(stdout) || ferror(stdout))
		return complain(VV__EXIT_FAILED, "standard output: %m");
	target_free(&t);
	return 0;
}
