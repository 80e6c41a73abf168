/*
 * vervet timeline: what core/trace.c has noted, as JSON in the trace-event format (Perfetto, Chrome), and such JSON as a
 * picture. Replays the events in the order of their times: every greenlet is in one state at a time, and a slice of its
 * track is written when it leaves one.
 */
#include "see.h"

#include "../core/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CARRIERS = 1, GREENLETS = 2 }; /* process numbers of the tracks */

enum phase { UNKNOWN, RUNNABLE, RUNNING, PARKED, HOPPING, GONE };

struct track {
	uint64_t id;
	enum phase phase;
	int64_t since;
	int tid;	  /* RUNNING: on which kernel thread */
	bool woken;	  /* before it was seen to stop */
	const char *what; /* PARKED: for what */
	char name[17];
};

static struct {
	struct track *at; /* open addressing by id; id 0: free */
	size_t room, n;
	uint64_t on[1024]; /* kernel threads seen, and the greenlet that runs there */
	int tids[1024];
	int ntids;
	const struct vv__trace_ring *ring;
	int64_t start, end;
	unsigned long flows;
	FILE *out;
} r;

/* ---- tracks ---- */

static struct track *slot(uint64_t id)
{
	size_t i = id * 0x9e3779b97f4a7c15ul % r.room;

	while (r.at[i].id && r.at[i].id != id)
		i = (i + 1) % r.room;
	return &r.at[i];
}

static bool grow(void)
{
	struct track *old = r.at;
	size_t n = r.room;

	r.room = n * 2 + 1021;
	r.at = calloc(r.room, sizeof(*r.at));
	for (size_t i = 0; r.at && i < n; i++)
		if (old[i].id)
			*slot(old[i].id) = old[i];
	free(old);
	return r.at != NULL;
}

static struct track *track_of(uint64_t id)
{
	struct track *t;

	if (r.n * 2 >= r.room && !grow())
		exit(complain(VV__EXIT_FAILED, "timeline: out of memory"));
	t = slot(id);
	if (!t->id) {
		*t = (struct track){.id = id};
		r.n++;
	}
	return t;
}

static int carrier_of(int tid)
{
	for (int i = 0; i < r.ntids; i++)
		if (r.tids[i] == tid)
			return i;
	if (r.ntids == 1024)
		return 0;
	r.tids[r.ntids] = tid;
	return r.ntids++;
}

/* ---- writing ---- */

static double us(int64_t ns)
{
	return (double)ns / 1e3;
}

static void write_slice(
    int process, uint64_t track, int64_t from, int64_t to, const char *kind, const char *name, int on)
{
	fprintf(r.out,
	    ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":%lu,\"ts\":%.3f,\"dur\":%.3f,\"cat\":\"%s\",\"name\":",
	    process, (unsigned long)track, us(from - r.start), us(to - from), kind);
	json_string(r.out, name);
	if (on)
		fprintf(r.out, ",\"args\":{\"kernel_thread\":%d}", on);
	putc('}', r.out);
}

static void write_flow(uint64_t from, uint64_t to, int64_t time)
{
	r.flows++;
	fprintf(r.out,
	    ",\n{\"ph\":\"s\",\"id\":%lu,\"pid\":%d,\"tid\":%lu,\"ts\":%.3f,\"cat\":\"wake\",\"name\":"
	    "\"wake\"}",
	    r.flows, GREENLETS, (unsigned long)from, us(time - r.start));
	fprintf(r.out,
	    ",\n{\"ph\":\"f\",\"bp\":\"e\",\"id\":%lu,\"pid\":%d,\"tid\":%lu,\"ts\":%.3f,\"cat\":\"wake\","
	    "\"name\":\"wake\"}",
	    r.flows, GREENLETS, (unsigned long)to, us(time - r.start));
}

static void write_name(int process, uint64_t track, const char *what, const char *name)
{
	fprintf(r.out, ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%lu,\"name\":\"%s\",\"args\":{\"name\":", process,
	    (unsigned long)track, what);
	json_string(r.out, name);
	fputs("}}", r.out);
}

/* ---- replaying ---- */

static void label(const struct track *t, char text[64])
{
	snprintf(text, 64, "%lu%s%s", (unsigned long)t->id, t->name[0] ? " " : "", t->name);
}

static void leave_phase(struct track *t, int64_t now)
{
	char text[64];

	switch (t->phase) {
	case RUNNING:
		label(t, text);
		write_slice(GREENLETS, t->id, t->since, now, "running", "running", t->tid);
		write_slice(CARRIERS, (uint64_t)t->tid, t->since, now, "running", text, 0);
		r.on[carrier_of(t->tid)] = 0;
		break;
	case RUNNABLE:
		write_slice(GREENLETS, t->id, t->since, now, "runnable", "runnable", 0);
		break;
	case PARKED:
		write_slice(GREENLETS, t->id, t->since, now, "parked", t->what, 0);
		break;
	case HOPPING:
		write_slice(GREENLETS, t->id, t->since, now, "hop", "hop", 0);
		break;
	default:
		break;
	}
}

static void enter_phase(struct track *t, enum phase phase, int64_t now)
{
	leave_phase(t, now);
	t->phase = phase;
	t->since = now;
}

static void run(struct track *t, int tid, int64_t now)
{
	int c = carrier_of(tid);

	if (r.on[c] && r.on[c] != t->id) /* its stop is older than the ring */
		enter_phase(track_of(r.on[c]), UNKNOWN, now);
	t = track_of(t->id);
	enter_phase(t, RUNNING, now);
	t->tid = tid;
	t->woken = false;
	r.on[c] = t->id;
}

static void stop(struct track *t, const struct vv__trace_event *e, int64_t now)
{
	static const enum phase after[] = {
	    [VV__TRACE_READY] = RUNNABLE, [VV__TRACE_HOP] = HOPPING, [VV__TRACE_ENDED] = GONE};
	unsigned word = (unsigned)e->what - VV__TRACE_WORDS;

	if (t->phase != RUNNING)
		return;
	if (e->what < VV__TRACE_WORDS)
		enter_phase(t, after[e->what], now);
	else
		enter_phase(t, t->woken ? RUNNABLE : PARKED, now);
	t->what = word < sizeof(r.ring->words) / sizeof(*r.ring->words) ? r.ring->words[word] : "";
	t->woken = false;
}

static void wake(struct track *t, const struct vv__trace_event *e, int64_t now)
{
	write_flow(e->other, e->id, now);
	if (t->phase == PARKED || t->phase == UNKNOWN)
		enter_phase(t, RUNNABLE, now);
	else
		t->woken = true;
}

static void replay(const struct vv__trace_event *e, int64_t now)
{
	struct track *t = track_of(e->id);

	switch (e->kind) {
	case VV__TRACE_NEW:
		write_flow(e->other, e->id, now);
		enter_phase(t, RUNNABLE, now);
		break;
	case VV__TRACE_RUN:
		run(t, e->tid, now);
		break;
	case VV__TRACE_STOP:
		stop(t, e, now);
		break;
	case VV__TRACE_SWITCH:
		stop(t, e, now);
		run(track_of(e->other), e->tid, now);
		break;
	case VV__TRACE_WAKE:
		wake(t, e, now);
		break;
	case VV__TRACE_HANDOVER:
		fprintf(r.out,
		    ",\n{\"ph\":\"i\",\"s\":\"t\",\"pid\":%d,\"tid\":%lu,\"ts\":%.3f,\"name\":\"handed "
		    "over\"}",
		    GREENLETS, (unsigned long)e->id, us(now - r.start));
		fprintf(r.out,
		    ",\n{\"ph\":\"i\",\"s\":\"t\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"name\":\"takes the "
		    "hub\"}",
		    CARRIERS, e->tid, us(now - r.start));
		break;
	}
}

static void finish(void)
{
	char text[64];

	for (size_t i = 0; i < r.room; i++) {
		struct track *t = &r.at[i];

		if (!t->id)
			continue;
		leave_phase(t, r.end);
		label(t, text);
		write_name(GREENLETS, t->id, "thread_name", text);
	}
	write_name(GREENLETS, 0, "thread_name", "hub (events, deadlines)");
	for (int i = 0; i < r.ntids; i++) {
		snprintf(text, sizeof(text), "kernel thread %d", r.tids[i]);
		write_name(CARRIERS, (uint64_t)r.tids[i], "thread_name", text);
	}
}

/* ---- the ring ---- */

struct keyed {
	const struct vv__trace_event *e;
	uint64_t index;
};

static int by_time(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->e->time != y->e->time)
		return x->e->time < y->e->time ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* Nanoseconds of CLOCK_MONOTONIC, by two moments of the ring's clock. */
static int64_t ns_of(const struct vv__trace_event *e)
{
	const struct vv__trace_moment *a = &r.ring->first, *b = &r.ring->last;
	double pace = b->time > a->time ? (double)(b->ns - a->ns) / (double)(b->time - a->time) : 1;

	return a->ns + (int64_t)((double)(int64_t)(e->time - a->time) * pace);
}

/* Events that have a time, in its order; names are given at once. */
static size_t sorted(struct keyed *order, uint64_t first, uint64_t next)
{
	const struct vv__trace_event *events = (const void *)((const char *)r.ring + VV__TRACE_HEADER);
	size_t n = 0;

	for (uint64_t i = first; i < next; i++) {
		const struct vv__trace_event *e = &events[i & (r.ring->capacity - 1)];

		if (e->kind == VV__TRACE_NAME)
			memcpy(track_of(e->id)->name, e->name, sizeof(e->name));
		else if (e->kind)
			order[n++] = (struct keyed){e, i};
	}
	qsort(order, n, sizeof(*order), by_time);
	return n;
}

static int convert_events(const char *json)
{
	uint64_t next = atomic_load(&((struct vv__trace_ring *)r.ring)->next);
	uint64_t first = next > r.ring->capacity ? next - r.ring->capacity : 0;
	struct keyed *order = calloc(next - first + 1, sizeof(*order));
	size_t n;

	r.out = fopen(json, "we");
	if (!r.out || !order)
		return complain(VV__EXIT_FAILED, "timeline: %s: %m", json);
	n = sorted(order, first, next);
	r.start = n ? ns_of(order[0].e) : 0;
	r.end = n ? ns_of(order[n - 1].e) : 0;
	fprintf(r.out, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"lost\":%lu},\"traceEvents\":[\n",
	    (unsigned long)first);
	fprintf(r.out, "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"carriers\"}}",
	    CARRIERS);
	write_name(GREENLETS, 0, "process_name", "greenlets");
	for (size_t i = 0; i < n; i++)
		replay(order[i].e, ns_of(order[i].e));
	finish();
	fputs("\n]}\n", r.out);
	free(order);
	return fclose(r.out) ? complain(VV__EXIT_FAILED, "timeline: %s: %m", json) : 0;
}

static int convert(const char *path, const char *json, bool remove)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;
	const struct vv__trace_ring *ring = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return complain(VV__EXIT_FAILED, "timeline: %s: %m", path);
	if (!fstat(fd, &st) && st.st_size > VV__TRACE_HEADER)
		ring = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (ring == MAP_FAILED || memcmp(ring->magic, VV__TRACE_MAGIC, sizeof(ring->magic)) ||
	    ring->event_size != sizeof(struct vv__trace_event) || (ring->capacity & (ring->capacity - 1)) ||
	    (uint64_t)st.st_size != VV__TRACE_HEADER + ring->capacity * ring->event_size)
		return complain(
		    VV__EXIT_FAILED, "timeline: %s: not what a traced program of this version leaves", path);
	r.ring = ring;
	status = convert_events(json);
	if (!status && remove)
		unlink(path);
	return status;
}

/* ---- the command ---- */

int timeline_command(int argc, char **argv)
{
	static const struct option all[] = {{"json", required_argument, NULL, 'j'},
	    {"svg", required_argument, NULL, 's'}, {"remove", no_argument, NULL, 'r'},
	    {"from", required_argument, NULL, 'f'}, {"to", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
	const char *json = NULL, *svg = NULL;
	double from = 0, to = 1e300;
	bool remove = false;
	char *end = "";
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		json = c == 'j' ? optarg : json;
		svg = c == 's' ? optarg : svg;
		remove |= c == 'r';
		if (c == 'f')
			from = strtod(optarg, &end);
		if (c == 't')
			to = strtod(optarg, &end);
		if (c == '?' || *end || (optarg && !*optarg))
			return complain(VV__EXIT_FAILED,
			    "timeline: %s: unknown option or bad value, see vervet(1)", argv[optind - 1]);
	}
	if (optind >= argc)
		return complain(VV__EXIT_FAILED, "timeline: no trace given, see vervet(1)");
	if (argv[optind + 1] && !remove) /* core/trace.c names its process, too */
		return complain(VV__EXIT_FAILED, "timeline: %s: one trace at a time", argv[optind + 1]);
	if (!json == !svg)
		return complain(
		    VV__EXIT_FAILED, "timeline: either --svg=FILE (from JSON) or --json=FILE (from a ring)");
	return json ? convert(argv[optind], json, remove) : draw_timeline(argv[optind], svg, from, to);
}
