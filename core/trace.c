/*
 * Notes events in the ring: see trace.h.
 */
#include "trace.h"
#include "hub.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { EVENTS = 1 << 18, LONGEST_MS = 60000 };

bool vv__tracing;
static struct vv__trace_ring *ring;
static char json[PATH_MAX], file[PATH_MAX]; /* file: of the ring */

void vv__trace_event(enum vv__trace_kind kind, uint64_t id, uint64_t other, int tid, const char *what)
{
	uint64_t n = atomic_fetch_add_explicit(&ring->next, 1, memory_order_relaxed);
	struct vv__trace_event *e =
	    (struct vv__trace_event *)((char *)ring + VV__TRACE_HEADER) + (n & (EVENTS - 1));

	e->kind = 0;
	e->time = vv__now();
	e->id = id;
	e->other = other;
	e->tid = tid;
	strncpy(e->what, what ? what : "", sizeof e->what);
	__atomic_store_n(&e->kind, kind, __ATOMIC_RELEASE);
}

/* The name that the user gave, each %p the process id. */
static bool file_names(void)
{
	char digits[12];
	size_t n = 0, d;

	for (const char *p = vv__config.trace; *p; p++) {
		long pid = vv__syscall(SYS_getpid);

		if (n + 20 > sizeof json)
			return false;
		if (p[0] != '%' || p[1] != 'p') {
			json[n++] = *p;
			continue;
		}
		for (d = sizeof digits; pid; pid /= 10)
			digits[--d] = (char)('0' + pid % 10);
		memcpy(json + n, digits + d, sizeof digits - d);
		n += sizeof digits - d;
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

static int note_name(struct vv_greenlet *g, void *unused)
{
	vv__trace_event(VV__TRACE_NAME, g->id, 0, 0, g->name);
	return 0;
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
	ring->pid = (int32_t)vv__syscall(SYS_getpid);
	ring->event_size = sizeof(struct vv__trace_event);
	ring->capacity = EVENTS;
	vv__syscall(SYS_prctl, PR_GET_NAME, ring->program);
	memcpy(ring->magic, VV__TRACE_MAGIC, sizeof ring->magic);
	vv__tracing = true;
	if (running)
		vv__trace_event(VV__TRACE_RUN, running->id, 0, vv__hub.carrier->tid, NULL);
}

static void await_command(long pid)
{
	long fd = vv__syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = (int)fd, .events = POLLIN};
	struct timespec patience = {LONGEST_MS / 1000, 0};

	if (fd < 0)
		return;
	vv__syscall(SYS_ppoll, &p, 1, &patience, NULL, 8);
	vv__syscall(SYS_close, fd);
}

void vv__trace_end(void)
{
	char out[PATH_MAX + 8] = "--json=";
	const char *const words[] = {"timeline", out, file, "--remove", NULL};
	long pid;

	if (!__atomic_exchange_n(&vv__tracing, false, __ATOMIC_SEQ_CST))
		return;
	vv__each(note_name, NULL);
	strncpy(out + 7, json, sizeof out - 8);
	pid = vv__report_by_command(words);
	if (pid)
		await_command(pid);
	else
		vv__log("%s holds the trace: run vervet timeline --json=FILE on it", file);
}

/* The file is the parent's. */
void vv__trace_forked(void)
{
	vv__tracing = false;
}
