/*
 * Notes events in the ring: see trace.h.
 */
#include "trace.h"
#include "hub.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { EVENTS = 1 << 18, ANCHOR = 1 << 12 };

_Static_assert(sizeof(struct vv__trace_event) == 24, "events are small");
_Static_assert(sizeof(struct vv__trace_ring) <= VV__TRACE_HEADER, "the header holds it");

bool vv__tracing;
static struct vv__trace_ring *ring;
bool vv__counter_is_clock;
static char json[PATH_MAX], file[PATH_MAX]; /* file: of the ring */
static const char *_Atomic words[sizeof ring->words / sizeof *ring->words];

/* ---- the clock ---- */

/* The kernel uses the counter itself: it goes on at the same pace on every CPU. */
static bool kernel_trusts_counter(void)
{
#ifdef __x86_64__
	char name[8] = "";
	long fd = vv__syscall(SYS_openat, AT_FDCWD,
	    "/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	vv__syscall(SYS_read, fd, name, sizeof name - 1);
	vv__syscall(SYS_close, fd);
	return !strcmp(name, "tsc\n");
#else
	return true;
#endif
}

void vv__counter_try(void)
{
	vv__counter_is_clock = kernel_trusts_counter();
}

static inline uint64_t read_clock(void)
{
	return vv__likely(vv__counter_is_clock) ? vv__counter() : (uint64_t)vv__now();
}

static struct vv__trace_moment moment(void)
{
	struct vv__trace_moment m = {.ns = vv__now()};

	m.time = read_clock();
	return m;
}

/* ---- events ---- */

static inline struct vv__trace_event *next_event(void)
{
	uint64_t n = atomic_fetch_add_explicit(&ring->next, 1, memory_order_relaxed);
	struct vv__trace_event *e =
	    (struct vv__trace_event *)((char *)ring + VV__TRACE_HEADER) + (n & (EVENTS - 1));

	if (vv__unlikely(!(n & (ANCHOR - 1))))
		ring->last = moment();
	__builtin_prefetch(e + 8, 1);
	e->kind = 0;
	return e;
}

static inline void complete(struct vv__trace_event *e, enum vv__trace_kind kind)
{
	__atomic_store_n(&e->kind, kind, __ATOMIC_RELEASE);
}

void vv__trace_event(enum vv__trace_kind kind, uint64_t id, uint64_t other, int tid, unsigned what)
{
	struct vv__trace_event *e = next_event();

	e->time = read_clock();
	e->other = (uint32_t)other;
	e->tid = tid;
	e->id = (uint32_t)id;
	e->what = (uint16_t)what;
	complete(e, kind);
}

/* The place of a constant text in the table, by its address. Full: another's, which says "something". */
static unsigned word(const char *text)
{
	enum { N = sizeof words / sizeof *words, OTHER = N - 1 };
	unsigned i = (unsigned)((uintptr_t)text >> 1) % OTHER;

	for (int tries = 0; tries < OTHER; tries++, i = (i + 1) % OTHER) {
		const char *there = atomic_load_explicit(&words[i], memory_order_relaxed);

		if (vv__likely(there == text))
			return VV__TRACE_WORDS + i;
		if (there || !atomic_compare_exchange_strong(&words[i], &there, text))
			continue;
		strncpy(ring->words[i], text, sizeof *ring->words - 1);
		return VV__TRACE_WORDS + i;
	}
	return VV__TRACE_WORDS + OTHER;
}

void vv__trace_switch(struct vv_greenlet *g, struct vv_greenlet *next, int tid)
{
	bool waits = g->wait && atomic_load(&g->state) != VV__RUNNABLE;
	unsigned what = !waits ? VV__TRACE_READY : word(g->wait->what ? g->wait->what : "something");

	vv__trace_event(next ? VV__TRACE_SWITCH : VV__TRACE_STOP, g->id, next ? next->id : 0, tid, what);
}

static int note_name(struct vv_greenlet *g, void *unused)
{
	struct vv__trace_event *e;

	if (!g->name[0])
		return 0;
	e = next_event();
	memcpy(e->name, g->name, sizeof e->name);
	e->id = (uint32_t)g->id;
	complete(e, VV__TRACE_NAME);
	return 0;
}

void vv__trace_new(struct vv_greenlet *g, struct vv_greenlet *by)
{
	vv__trace_event(VV__TRACE_NEW, g->id, by->id, 0, VV__TRACE_READY);
	note_name(g, NULL);
}

/* ---- the file ---- */

/* The name that the user gave, each %p the process id. */
static bool file_names(void)
{
	size_t n = 0;

	for (const char *p = vv__config.trace; *p; p++) {
		if (n + 20 > sizeof json)
			return false;
		if (p[0] != '%' || p[1] != 'p') {
			json[n++] = *p;
			continue;
		}
		n = vv__put_decimal(json + n, vv__syscall(SYS_getpid)) - json;
		p++;
	}
	json[n] = 0;
	memcpy(file, json, n);
	memcpy(file + n, ".ring", 6);
	return true;
}

/* The ring's file, if no other process that lives has it. */
static long open_ring(void)
{
	struct vv__trace_ring old;
	long fd = vv__syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	long me = vv__syscall(SYS_getpid);

	if (fd < 0)
		return fd;
	if (vv__syscall(SYS_read, fd, &old, sizeof old) == sizeof old && old.pid > 0 && old.pid != me &&
	    vv__syscall(SYS_kill, old.pid, 0) != -ESRCH) {
		vv__syscall(SYS_close, fd);
		return -EBUSY;
	}
	vv__syscall(SYS_ftruncate, fd, 0);
	return fd;
}

/* Events and the clock's first two moments: between them the ring's pages are made, so that no switch pays for it. */
static void fill_header(size_t bytes)
{
	vv__counter_try();
	ring->first = moment();
	vv__syscall(SYS_madvise, ring, bytes, MADV_POPULATE_WRITE);
	strcpy(ring->words[sizeof words / sizeof *words - 1], "something");
	ring->pid = (int32_t)vv__syscall(SYS_getpid);
	ring->event_size = sizeof(struct vv__trace_event);
	ring->capacity = EVENTS;
	vv__syscall(SYS_prctl, PR_GET_NAME, ring->program);
	ring->last = moment();
	memcpy(ring->magic, VV__TRACE_MAGIC, sizeof ring->magic);
}

/* When the hub starts. */
void vv__trace_start(void)
{
	size_t bytes = VV__TRACE_HEADER + EVENTS * sizeof(struct vv__trace_event);
	struct vv_greenlet *running = atomic_load(&vv__hub.running);
	long fd, p;

	if (!file_names() || (fd = open_ring()) == -EBUSY)
		return;
	p = fd < 0 ? fd : vv__syscall(SYS_ftruncate, fd, bytes);
	if (p == 0)
		p = vv__syscall(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		vv__syscall(SYS_close, fd);
	if (p < 0 && p > -4096) {
		vv__log("%s: cannot be written, no trace", file);
		return;
	}
	ring = (struct vv__trace_ring *)p;
	fill_header(bytes);
	vv__tracing = vv__watching = true;
	if (running)
		vv__trace_event(VV__TRACE_RUN, running->id, 0, vv__hub.carrier->tid, VV__TRACE_READY);
}

/* Whoever ends the process may have little stack left. */
void vv__trace_end(void)
{
	static char out[PATH_MAX + 8] = "--json=";
	const char *const command[] = {"timeline", out, file, "--remove", NULL};
	long pid;

	if (!__atomic_exchange_n(&vv__tracing, false, __ATOMIC_SEQ_CST))
		return;
	ring->last = moment();
	vv__each(note_name, NULL);
	strncpy(out + 7, json, sizeof out - 8);
	pid = vv__report_by_command(command);
	if (pid)
		vv__report_await(pid);
	else
		vv__log("%s holds the trace: run vervet timeline --json=FILE on it", file);
}

/* The file is the parent's. */
void vv__trace_forked(void)
{
	vv__tracing = false;
}
