/*
 * --fan-out=check: runs as greenlet and reports memory outside the stack that two connections in flight both write: static
 * memory of the program (and of libraries that are not the system's), and the heap (check/heap.c, which gives every
 * connection pages of its own).
 *
 * While a connection runs, all of that but its own part of the heap is write-protected. A write faults (SIGSEGV); the page is
 * opened, the instruction runs alone (trap flag, SIGTRAP), what it changed is marked with the connection and with where it
 * stood, the page is closed. The kernel does not fault but refuses (EFAULT): so system calls are trapped, too (SIGSYS by
 * syscall user dispatch) and made here, with the pages open. Whatever cannot be watched opens everything until another slice
 * runs: nothing is ever changed but the time it takes.
 *
 * Left out: writes that change nothing; atomic instructions and pthread's own data, which are meant to be shared;
 * streams, which libc locks.
 */
#include "fancheck.h"
#include "fanout.h"

#include "../check/heap.h"
#include "../core/hub.h"
#include "../core/slice.h"
#include "interpose.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <ucontext.h>

#ifdef __x86_64__

enum { SEGMENTS = 64, FLYING = 1 << 16, PAGE = 4096, TOLD = 256, SITE_BITS = 14, SITES = 1 << SITE_BITS };
enum { BELOW = 64, WINDOW = 192, RANGES = 16, SCRATCH = 64 * 1024, ANY = 256, PATIENCE_MS = 5000 };

/* As the kernel has it. */
struct vv__kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

/* Memory that is watched, and who changed each byte last: number of a site, and low bits of its connection. */
static struct segment {
	char *at, *end;
	uint32_t *marks;
	uintptr_t base;
	const char *path;
} segments[SEGMENTS];
static int segments_n;

static struct vv_check_heap *heap; /* null: not preloaded */
static uint32_t *heap_marks;
static struct vv__site *sites;
static uint32_t sites_n;
static uint32_t flying[FLYING]; /* serial numbers in flight, at their remainder */
static struct {
	char *at, *end;
} told[TOLD]; /* what has been reported */
static int told_n;
static struct vv__conflict found; /* read by the command */

static struct {
	bool works;
	volatile char selector; /* SYSCALL_DISPATCH_FILTER_* */
	bool armed;
	int tid; /* where system calls are trapped */
	uint32_t serial;
	struct vv__kernel_action theirs[32]; /* handlers that the program had */
	bool stepping;
	uint64_t mask; /* before the step */
	char *opened[4];
	int opened_n;
	char *window; /* what may change during the step */
	size_t window_n;
	char before[WINDOW];
	gregset_t registers;
} now;

/* What a system call may change. */
static struct {
	char *at;
	size_t n;
	char *before;
} ranges[RANGES];
static int ranges_n;
static char scratch[SCRATCH];
static size_t scratch_n;

/* ---- open and closed ---- */

static void protect(char *from, char *to, int how)
{
	from = (char *)((uintptr_t)from & -(uintptr_t)PAGE);
	to = (char *)(((uintptr_t)to + PAGE - 1) & -(uintptr_t)PAGE);
	if (to > from)
		vv__syscall(SYS_mprotect, from, to - from, how);
}

static bool closes(uint32_t plot)
{
	return heap->owners[plot] != VV_CHECK_NOBODY && heap->owners[plot] != now.serial;
}

static void each_run(int how)
{
	uint32_t from = 0, n = heap ? heap->plots : 0;

	for (uint32_t i = 0; i < n; i++) {
		if (closes(i))
			continue;
		protect(
		    heap->base + (size_t)from * VV_CHECK_PLOT, heap->base + (size_t)i * VV_CHECK_PLOT, how);
		from = i + 1;
	}
	if (n > from)
		protect(
		    heap->base + (size_t)from * VV_CHECK_PLOT, heap->base + (size_t)n * VV_CHECK_PLOT, how);
}

static void all(int how)
{
	for (int i = 0; i < segments_n; i++)
		protect(segments[i].at, segments[i].end, how);
	each_run(how);
}

static void disarm(void)
{
	now.selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	if (now.armed)
		all(PROT_READ | PROT_WRITE);
	now.armed = now.stepping = false;
}

static struct segment *segment_of(const char *p)
{
	for (int i = 0; i < segments_n; i++)
		if (p >= segments[i].at && p < segments[i].end)
			return &segments[i];
	return NULL;
}

static bool in_heap(const char *p)
{
	return heap && (size_t)(p - heap->base) < (size_t)heap->plots * VV_CHECK_PLOT;
}

/* On a page that is closed while the present connection runs. */
static bool watched(const char *p)
{
	const char *page = (const char *)((uintptr_t)p & -(uintptr_t)PAGE);

	if (in_heap(p))
		return closes((uint32_t)((p - heap->base) / VV_CHECK_PLOT));
	for (int i = 0; i < segments_n; i++)
		if (page + PAGE > segments[i].at && page < segments[i].end)
			return true;
	return false;
}

static void open_page(char *p)
{
	p = (char *)((uintptr_t)p & -(uintptr_t)PAGE);
	for (int i = 0; i < now.opened_n; i++)
		if (now.opened[i] == p)
			return;
	if (!watched(p) || now.opened_n == 4)
		return;
	now.opened[now.opened_n++] = p;
	protect(p, p + PAGE, PROT_READ | PROT_WRITE);
}

static void close_pages(void)
{
	while (now.opened_n) {
		char *p = now.opened[--now.opened_n];

		protect(p, p + PAGE, PROT_READ);
	}
}

/* ---- sites ---- */

static uint32_t mark_of(const struct vv__site *s)
{
	return s->serial << SITE_BITS | (uint32_t)(s - sites);
}

/* The connection that a mark names, if it is in flight. */
static uint32_t in_flight(uint32_t mark)
{
	uint32_t low = mark >> SITE_BITS, serial = flying[low % FLYING];

	return serial && serial << SITE_BITS == low << SITE_BITS ? serial : 0;
}

static void copy_stack(struct vv__site *s, const char *from, size_t n)
{
	s->bytes = n < VV__SITE_STACK ? (uint32_t)n : VV__SITE_STACK;
	memcpy(s->stack, from, s->bytes);
}

static struct vv__site *new_site(uint32_t serial)
{
	sites_n = sites_n + 1 < SITES ? sites_n + 1 : 1;
	sites[sites_n].serial = serial;
	return &sites[sites_n];
}

/* Where the present connection stands. */
static struct vv__site *present_site(const greg_t *r)
{
	static const int order[VV__FRAME_NUMBERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
	    REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
	struct vv__site *s = &sites[sites_n];
	char *sp = (char *)r[REG_RSP], *base = vv__slice_base();

	if (s->serial == now.serial && s->registers[VV__FRAME_SP] == (uint64_t)sp &&
	    s->registers[VV__FRAME_RETURN] == (uint64_t)r[REG_RIP])
		return s;
	s = new_site(now.serial);
	for (int i = 0; i < VV__FRAME_NUMBERS; i++)
		s->registers[i] = (uint64_t)r[order[i]];
	copy_stack(s, sp, sp < base ? (size_t)(base - sp) : 0);
	return s;
}

/* Where a connection that does not run will go on. */
static struct vv__site *waiting_site(uint32_t serial)
{
	static const uint8_t saved[] = VV__FRAME_SAVED;
	struct vv_greenlet *g = vv__fanout_of(serial);
	size_t n = 0;
	char *frame = g ? vv__slice_saved_stack(g, &n) : NULL;
	struct vv__site *s;

	if (!frame || n < VV__FRAME_SIZE)
		return NULL;
	s = new_site(serial);
	memset(s->registers, 0, sizeof s->registers);
	for (size_t i = 0; i < sizeof saved; i++)
		memcpy(&s->registers[saved[i]], frame + VV__FRAME_AT + i * 8, 8);
	s->registers[VV__FRAME_SP] = (uint64_t)g->ctx.sp + VV__FRAME_SIZE;
	copy_stack(s, frame + VV__FRAME_SIZE, n - VV__FRAME_SIZE);
	return s;
}

/* ---- what is not reported ---- */

static bool is_told(const char *p)
{
	for (int i = 0; i < told_n; i++)
		if (p >= told[i].at && p < told[i].end)
			return true;
	return told_n == TOLD;
}

/* libc's streams and what they buffer, which it locks. */
static bool is_stream(const char *p, const char *start, size_t size)
{
	FILE **list = dlsym(RTLD_DEFAULT, "_IO_list_all");

	for (FILE *f = list ? *list : NULL; f; f = (FILE *)f->_chain)
		if ((p >= f->_IO_buf_base && p < f->_IO_buf_end) ||
		    ((char *)f >= start && (char *)f < start + size))
			return true;
	return false;
}

static bool find_lock_code(uintptr_t pc)
{
	Dl_info self, info;

	if (!dladdr(&found, &self) || !dladdr((void *)pc, &info) || !info.dli_fname)
		return false;
	return info.dli_fbase == self.dli_fbase || strstr(info.dli_fname, "/ld-linux") ||
	       (info.dli_sname && strstr(info.dli_sname, "pthread_"));
}

/* pthread's functions, ours that stand for them, and the loader: what they change are locks and the like. */
static bool is_lock_code(uintptr_t pc)
{
	enum { MANY = 4096 };
	static struct {
		uintptr_t pc;
		bool answer;
	} known[MANY];
	size_t i = pc % MANY;

	if (known[i].pc != pc) {
		known[i].answer = find_lock_code(pc);
		known[i].pc = pc;
	}
	return known[i].answer;
}

/* xchg, or with a lock prefix. */
static bool is_atomic(const uint8_t *code)
{
	for (int i = 0; i < 5; i++) {
		if (code[i] == 0xf0)
			return true;
		if (code[i] == 0x66 || code[i] == 0xf2 || code[i] == 0xf3 || (code[i] & 0xf0) == 0x40)
			continue;
		return code[i] == 0x86 || code[i] == 0x87;
	}
	return false;
}

/* ---- telling ---- */

static void await(long pid)
{
	struct pollfd p = {(int)vv__syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};

	if (p.fd < 0)
		return;
	vv__syscall(SYS_poll, &p, 1, PATIENCE_MS);
	vv__syscall(SYS_close, p.fd);
}

static void say(void)
{
	char where[40] = "--conflict=";
	const char *const words[] = {"dump", where, "--report=check", NULL};
	long pid;

	vv__put_decimal(where + strlen(where), (uintptr_t)&found);
	pid = vv__report_by_command(words);
	if (pid)
		await(pid); /* it looks at us */
	else
		vv__log("check: two connections in flight both wrote 0x%lx: run it with --fan-out=fork",
		    (unsigned long)found.address);
}

/* The present connection, at `site`, has changed what connection `other`, at before (if known), has written or owns. */
static void conflict(char *p, struct vv__site *site, uint32_t other, struct vv__site *before, bool waits)
{
	char *start = p;
	size_t size = 0;

	if (is_told(p) || (in_heap(p) && !heap->block(p, &start, &size)) || is_stream(p, start, size))
		return;
	if (!size)
		vv__fanobject(p, segment_of(p)->path, segment_of(p)->base, &start, &size);
	told[told_n].at = start;
	told[told_n++].end = start + size;
	found = (struct vv__conflict){.address = (uintptr_t)p,
	    .start = (uintptr_t)start,
	    .size = size,
	    .in_heap = in_heap(p),
	    .now = (uintptr_t)site,
	    .before = (uintptr_t)before,
	    .serial_now = site->serial,
	    .serial_before = other,
	    .waits = waits};
	say();
}

static void wrote(char *p, struct vv__site *site)
{
	struct segment *s = segment_of(p);
	uint32_t *mark = s ? &s->marks[p - s->at] : in_heap(p) ? &heap_marks[p - heap->base] : NULL, owner;
	struct vv__site *before;
	uint32_t other;

	if (!mark)
		return;
	other = in_flight(*mark);
	before = &sites[*mark & (SITES - 1)];
	owner = s ? 0 : heap->owners[(p - heap->base) / VV_CHECK_PLOT];
	if (other && other != now.serial)
		conflict(p, site, other, mark_of(before) == *mark ? before : NULL, false);
	else if (!other && owner && flying[owner % FLYING] == owner)
		conflict(p, site, owner, waiting_site(owner), true);
	*mark = mark_of(site);
}

/* From `at`, n bytes were as in `before`. */
static void compare(char *at, size_t n, const char *before, const greg_t *registers)
{
	struct vv__site *site = NULL;

	if (heap && heap->locks())
		return;
	for (size_t i = 0; i < n; i++) {
		if (at[i] == before[i])
			continue;
		if (!site)
			site = present_site(registers);
		wrote(at + i, site);
	}
}

/* ---- one instruction ---- */

enum { TRAP_FLAG = 0x100, USER_DISPATCH = 2 /* si_code of SIGSYS */ };
#define KEEPS ~(1ul << (SIGSEGV - 1) | 1ul << (SIGTRAP - 1) | 1ul << (SIGSYS - 1) | 1ul << (SIGBUS - 1))

static bool readable(const char *p)
{
	return watched(p);
}

static void begin_step(ucontext_t *u, char *at)
{
	char *from = at - BELOW, *to = at + WINDOW - BELOW;

	while (from < at && !readable(from))
		from += 8;
	while (to > at && !readable(to - 1))
		to--;
	now.window = from;
	now.window_n = (size_t)(to - from);
	memcpy(now.before, from, now.window_n);
	memcpy(now.registers, u->uc_mcontext.gregs, sizeof now.registers);
	memcpy(&now.mask, &u->uc_sigmask, sizeof now.mask);
	*(uint64_t *)&u->uc_sigmask |= KEEPS;
	u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
	now.stepping = true;
}

/* Not ours: as if we had not been there. */
static void pass_on(int sig)
{
	disarm();
	vv__syscall(SYS_rt_sigaction, sig, &now.theirs[sig], NULL, 8);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	char selector = now.selector, *at = info->si_addr;

	now.selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	if (now.armed && info->si_code == SEGV_ACCERR && watched(at)) {
		if (vv__syscall(SYS_gettid) != now.tid) {
			disarm(); /* a thread of ours that works for another connection */
			return;
		}
		if (!now.stepping)
			begin_step(context, at);
		open_page(at);
		open_page(at + 63);
		now.selector = selector;
	} else if (info->si_code == SEGV_ACCERR && (segment_of(at) || in_heap(at))) {
		return; /* it has been opened meanwhile */
	} else {
		pass_on(sig);
	}
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	char selector = now.selector;

	now.selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	if (!(u->uc_mcontext.gregs[REG_EFL] & TRAP_FLAG)) {
		pass_on(sig);
		return;
	}
	u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	memcpy(&u->uc_sigmask, &now.mask, sizeof now.mask);
	if (now.stepping && memcmp(now.window, now.before, now.window_n) &&
	    !is_atomic((uint8_t *)now.registers[REG_RIP]) && !is_lock_code((uintptr_t)now.registers[REG_RIP]))
		compare(now.window, now.window_n, now.before, now.registers);
	if (now.armed)
		close_pages();
	now.opened_n = 0;
	now.stepping = false;
	now.selector = selector;
}

/* ---- one system call ---- */

static void will_change(const void *p, size_t n)
{
	char *at = (char *)p, *end = at + n;

	if (n > SCRATCH - scratch_n)
		end = at + (SCRATCH - scratch_n);
	while (at < end && !watched(at))
		at = (char *)(((uintptr_t)at | (PAGE - 1)) + 1);
	while (end > at && !watched(end - 1))
		end = (char *)((uintptr_t)(end - 1) & -(uintptr_t)PAGE);
	if (at >= end || ranges_n == RANGES)
		return;
	ranges[ranges_n].at = at;
	ranges[ranges_n].n = (size_t)(end - at);
	ranges[ranges_n++].before = memcpy(scratch + scratch_n, at, (size_t)(end - at));
	scratch_n += (size_t)(end - at);
}

static void will_change_all(const struct iovec *iov, size_t n)
{
	for (size_t i = 0; i < n && i < RANGES; i++)
		will_change(iov[i].iov_base, iov[i].iov_len);
}

static void note_ranges(long number, const greg_t *r)
{
	const long a[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]};

	ranges_n = 0;
	scratch_n = 0;
	switch (number) {
	case SYS_write:
	case SYS_sendto:
	case SYS_openat:
	case SYS_mprotect:
	case SYS_munmap:
	case SYS_madvise:
		return;
	case SYS_read:
	case SYS_pread64:
		will_change((void *)a[1], (size_t)a[2]);
		return;
	case SYS_readv:
	case SYS_preadv:
	case SYS_preadv2:
		will_change_all((void *)a[1], (size_t)a[2]);
		return;
	case SYS_recvmsg:
		will_change_all(((struct msghdr *)a[1])->msg_iov, ((struct msghdr *)a[1])->msg_iovlen);
		will_change(((struct msghdr *)a[1])->msg_name, ANY);
		will_change(((struct msghdr *)a[1])->msg_control, ANY);
		break;
	case SYS_recvfrom:
	case SYS_getdents64:
	case SYS_getrandom:
		will_change((void *)a[number != SYS_getrandom], (size_t)a[number == SYS_getrandom ? 1 : 2]);
		break;
	}
	for (int i = 0; i < 6; i++)
		if (!ranges_n || (char *)a[i] != ranges[0].at)
			will_change((void *)a[i], ANY);
}

/* rt_sigprocmask: what a handler sets is gone when it returns, but for the context's. */
static long set_mask(ucontext_t *u, const greg_t *r)
{
	uint64_t *mask = (uint64_t *)&u->uc_sigmask, before = *mask;
	const uint64_t *set = (void *)r[REG_RSI];

	if (set)
		*mask = r[REG_RDI] == SIG_BLOCK	    ? before | *set
			: r[REG_RDI] == SIG_UNBLOCK ? before & ~*set
						    : *set;
	*mask &= KEEPS;
	if (r[REG_RDX])
		*(uint64_t *)r[REG_RDX] = before;
	return 0;
}

/* Calls that must be the program's own: open everything, and have it made again. */
static bool is_its_own(long number, const greg_t *r)
{
	switch (number) {
	case SYS_rt_sigreturn:
	case SYS_clone:
	case SYS_clone3:
	case SYS_fork:
	case SYS_vfork:
	case SYS_execve:
	case SYS_execveat:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_rt_sigsuspend:
	case SYS_sigaltstack:
		return true;
	case SYS_ppoll: /* a mask for the time of the call */
		return r[REG_R10];
	case SYS_epoll_pwait:
		return r[REG_R8];
	case SYS_pselect6:
		return r[REG_R9];
	}
	return false;
}

static long call(long number, greg_t *r)
{
	long result;

	if (ranges_n)
		all(PROT_READ | PROT_WRITE);
	result = vv__syscall6(number, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
	if (result == -EFAULT && !ranges_n) {
		all(PROT_READ | PROT_WRITE);
		result = vv__syscall6(
		    number, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
		all(PROT_READ);
	}
	for (int i = 0; i < ranges_n; i++)
		compare(ranges[i].at, ranges[i].n, ranges[i].before, r);
	if (ranges_n)
		all(PROT_READ);
	return result;
}

static void on_call(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	greg_t *r = u->uc_mcontext.gregs;
	char selector = now.selector;

	now.selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	if (info->si_code != USER_DISPATCH) {
		pass_on(sig);
		return;
	}
	if (is_its_own(info->si_syscall, r)) {
		disarm();
		r[REG_RAX] = info->si_syscall;
		r[REG_RIP] -= 2;
		return;
	}
	if (info->si_syscall == SYS_rt_sigprocmask) {
		r[REG_RAX] = set_mask(u, r);
	} else {
		note_ranges(info->si_syscall, r);
		r[REG_RAX] = call(info->si_syscall, r);
	}
	now.selector = selector;
}

/* ---- start, and who runs ---- */

extern const char vv__fancheck_return[], vv__fancheck_return_end[];
__asm__(".pushsection .text\n"
	".globl vv__fancheck_return, vv__fancheck_return_end\n"
	".hidden vv__fancheck_return, vv__fancheck_return_end\n"
	"vv__fancheck_return:\n"
	"	mov $15, %eax\n" /* rt_sigreturn */
	"	syscall\n"
	"	nop\n"
	"vv__fancheck_return_end:\n"
	".popsection");

static void handle(int sig, void (*handler)(int, siginfo_t *, void *))
{
	enum { RESTORER = 0x04000000 };
	struct vv__kernel_action ours = {handler, SA_SIGINFO | RESTORER, (void *)vv__fancheck_return, ~0ul};

	vv__syscall(SYS_rt_sigaction, sig, &ours, &now.theirs[sig], 8);
}

/* The kernel thread on which slices run. */
static bool trap_calls(void)
{
	int tid = (int)vv__syscall(SYS_gettid);

	if (tid != now.tid)
		now.works = vv__syscall(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
				vv__fancheck_return, vv__fancheck_return_end - vv__fancheck_return,
				&now.selector) == 0;
	now.tid = tid;
	return now.works;
}

/* Connection `serial` is about to run, or runs on. */
void vv__fancheck_runs(uint32_t serial)
{
	static const uint64_t traps = ~KEEPS;

	if (!now.works || !trap_calls())
		return;
	now.serial = serial;
	now.armed = true;
	vv__syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &traps, NULL, sizeof traps);
	all(PROT_READ);
	now.selector = SYSCALL_DISPATCH_FILTER_BLOCK;
}

void vv__fancheck_stops(void)
{
	disarm();
}

void vv__fancheck_ends(void)
{
	disarm();
	now.works = false;
}

static uint32_t owner(void)
{
	struct vv_greenlet *g = vv__self;

	return g && g->slice && now.tid && now.armed ? now.serial
	       : g && (g->slice || g->id == 1)	     ? 0
						     : VV_CHECK_NOBODY;
}

static void begins(char *start, size_t size)
{
	if (heap_marks && size < SCRATCH)
		memset(heap_marks + (start - heap->base), 0, size * sizeof *heap_marks);
	else if (heap_marks)
		vv__syscall(
		    SYS_madvise, heap_marks + (start - heap->base), size * sizeof *heap_marks, MADV_DONTNEED);
}

void vv__fancheck_flies(uint32_t serial, bool flies)
{
	flying[serial % FLYING] = flies ? serial : 0;
	if (!flies && heap)
		heap->retire(serial);
}

static bool is_systems(const char *path)
{
	return !strncmp(path, "/lib", 4) || !strncmp(path, "/usr/lib", 8) ||
	       !strncmp(path, "linux-vdso", 10) || strstr(path, "/libvervet");
}

static int watch_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t relro = 0;

	if (info->dlpi_name[0] && is_systems(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			relro = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
	for (int i = 0; i < info->dlpi_phnum && segments_n < SEGMENTS; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		struct segment *s = &segments[segments_n];
		uintptr_t from = p->p_vaddr > relro || relro > p->p_vaddr + p->p_memsz ? p->p_vaddr : relro;

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_W) || from >= p->p_vaddr + p->p_memsz)
			continue;
		*s = (struct segment){.at = (char *)info->dlpi_addr + from,
		    .end = (char *)info->dlpi_addr + p->p_vaddr + p->p_memsz,
		    .base = info->dlpi_addr,
		    .path = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe"};
		s->marks = vv__pages((size_t)(s->end - s->at) * sizeof *s->marks);
		segments_n += s->marks != NULL;
	}
	return 0;
}

static void watch_heap(void)
{
	enum { MOST = 65536 };

	heap = dlsym(RTLD_DEFAULT, "vv_check_heap");
	if (heap && !heap->base)
		heap = NULL;
	if (!heap)
		return;
	heap_marks = (void *)vv__syscall(SYS_mmap, NULL, (size_t)MOST * VV_CHECK_PLOT * sizeof *heap_marks,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if ((long)heap_marks < 0 && (long)heap_marks > -4096) {
		heap = NULL;
		return;
	}
	heap->begins = begins;
	heap->owner = owner;
}

void vv__fancheck_start(void)
{
	now.works = true;
	sites = vv__pages(SITES * sizeof *sites);
	if (!sites || !trap_calls()) {
		now.works = false;
		vv__log("check: the kernel does not trap system calls (Linux 5.11 does): nothing is watched");
		return;
	}
	vv__config.stall_ns = 0; /* it takes its time */
	dl_iterate_phdr(watch_object, NULL);
	watch_heap();
	handle(SIGSEGV, on_fault);
	handle(SIGTRAP, on_trap);
	handle(SIGSYS, on_call);
}

#else /* no trap flag, no dispatch of system calls */

void vv__fancheck_start(void)
{
	vv__log("check: not on this processor: nothing is watched");
}

void vv__fancheck_runs(uint32_t serial)
{
}

void vv__fancheck_stops(void)
{
}

void vv__fancheck_ends(void)
{
}

void vv__fancheck_flies(uint32_t serial, bool flies)
{
}

#endif
