/*
 * vervet top PID: what a process's hub and greenlets do, again and again. A table that refreshes on a terminal, blocks of
 * plain text elsewhere.
 */
#include "see.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct sample {
	struct target t;
	int64_t hub_cpu; /* of the hub's kernel thread; -1: not known */
};

struct hot {
	const struct seen *s;
	uint64_t switches;
	int64_t busy;
};

static int64_t cpu_of(int pid, int tid)
{
	char path[64];
	int64_t ns = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%ld", &ns) != 1)
		ns = -1;
	if (f)
		fclose(f);
	return ns;
}

static int take_sample(struct sample *s, int pid)
{
	int status = target_find(&s->t, pid);

	if (!status)
		status = target_read(&s->t);
	if (status)
		return status;
	s->hub_cpu = s->t.hub_tid ? cpu_of(pid, s->t.hub_tid) : -1;
	target_locks(&s->t);
	return 0;
}

static const struct seen *same(const struct target *t, const struct seen *s)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->all[middle].g.id < s->g.id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->n && t->all[low].g.id == s->g.id ? &t->all[low] : NULL;
}

static int hotter(const void *a, const void *b)
{
	const struct hot *x = a, *y = b;

	if (x->busy != y->busy)
		return x->busy < y->busy ? 1 : -1;
	if (x->switches != y->switches)
		return x->switches < y->switches ? 1 : -1;
	return x->s->g.id < y->s->g.id ? -1 : 1;
}

static double per_second(uint64_t now, uint64_t before, double seconds)
{
	return now >= before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

#define RATE(field) per_second(atomic_load(&now->t.stats.field), atomic_load(&before->t.stats.field), seconds)

static void print_head(struct sample *now, struct sample *before, double seconds)
{
	static const char *const words[] = {"running", "runnable", "parked", "hopping", "ended"};
	char hub[TEXT];

	hub_text(&now->t, hub);
	printf("%s (%d): %zu greenlets:", now->t.name, now->t.pid, now->t.n);
	for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
		unsigned n = 0;

		for (size_t i = 0; i < now->t.n; i++)
			n += !strcmp(state_word(&now->t, &now->t.all[i]), words[w]);
		if (n)
			printf(" %u %s", n, words[w]);
	}
	printf("\n%s; run queue %u; %d kernel threads\n", hub, atomic_load(&now->t.hub.ready),
	    now->t.kernel_threads);
	if (now->hub_cpu >= 0 && before->hub_cpu >= 0 && now->t.hub_tid == before->t.hub_tid && seconds > 0)
		printf("hub load %.0f %%; ", (double)(now->hub_cpu - before->hub_cpu) / seconds / 1e7);
	printf("per second: switches %.0f, parks %.0f, hops %.0f, hand-overs %.0f, made %.0f, ended %.0f, "
	       "looks at events %.0f\n\n",
	    RATE(switches), RATE(parks), RATE(hops), RATE(handovers), RATE(created), RATE(ended),
	    RATE(loops));
}

static void print_hottest(
    const struct sample *now, const struct sample *before, double seconds, size_t rows, int width)
{
	struct hot *hot = calloc(now->t.n + 1, sizeof(*hot));
	char state[TEXT];

	printf("%8s %-16s %6s %10s  %s\n", "greenlet", "name", "CPU %", "switches/s", "state");
	for (size_t i = 0; hot && i < now->t.n; i++) {
		const struct seen *s = &now->t.all[i], *old = same(&before->t, s);

		hot[i] = (struct hot){s, s->g.switches - (old ? old->g.switches : 0),
		    s->g.cpu_ns - (old ? old->g.cpu_ns : 0)};
	}
	if (hot)
		qsort(hot, now->t.n, sizeof(*hot), hotter);
	for (size_t i = 0; hot && i < now->t.n && i < rows; i++) {
		state_text(&now->t, hot[i].s, state);
		printf("%8lu %-16s %6.1f %10.0f  %.*s\n", (unsigned long)hot[i].s->g.id, hot[i].s->g.name,
		    seconds > 0 ? (double)hot[i].busy / seconds / 1e7 : 0,
		    seconds > 0 ? (double)hot[i].switches / seconds : 0, width > 46 ? width - 46 : 10, state);
	}
	free(hot);
}

static void print_sample(struct sample *now, struct sample *before)
{
	double seconds = (double)(now->t.now - before->t.now) / 1e9;
	struct winsize size = {.ws_row = 0};
	bool terminal = isatty(STDOUT_FILENO);

	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		fputs("\033[H\033[2J", stdout);
	print_head(now, before, seconds);
	print_hottest(now, before, seconds, terminal && size.ws_row > 8 ? size.ws_row - 7u : 20,
	    terminal ? size.ws_col : 200);
	if (!terminal)
		putchar('\n');
	fflush(stdout);
}

static int read_options(int argc, char **argv, double *interval, long *count)
{
	static const struct option all[] = {{"interval", required_argument, NULL, 'i'},
	    {"count", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
	char *end = "";
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c == '?')
			return complain(VV__EXIT_FAILED,
			    "top: %s: unknown option or a value is missing, see vervet(1)", argv[optind - 1]);
		if (c == 'i')
			*interval = strtod(optarg, &end);
		else
			*count = strtol(optarg, &end, 10);
		if (*end || !*optarg || !(*interval >= 0.05 && *interval <= 3600) || *count < 1)
			return complain(VV__EXIT_FAILED, "top: %s: not a number of %s", optarg,
			    c == 'i' ? "seconds from 0.05 to 3600" : "tables");
	}
	return 0;
}

int top_command(int argc, char **argv)
{
	struct sample now, before;
	double interval = 2;
	long count = INT32_MAX;
	char gone[VV__COMPLAINT];
	int pid, status = read_options(argc, argv, &interval, &count);

	if (!status)
		status = parse_pid("top", argv + optind, &pid);
	if (!status)
		status = take_sample(&before, pid);
	while (!status && count-- > 0) {
		usleep((useconds_t)(interval * 1e6));
		complaint = gone;
		status = take_sample(&now, pid);
		complaint = NULL;
		if (status)
			return puts("the process has ended") < 0;
		print_sample(&now, &before);
		if (ferror(stdout))
			return complain(VV__EXIT_FAILED, "standard output: %m");
		target_free(&before.t);
		before = now;
	}
	return status;
}
