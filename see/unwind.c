/*
 * Backtraces with elfutils. A parked greenlet's registers are those that core/context_*.S saved on its stack; one that
 * sleeps in a system call shows stack and program counter in /proc; one that computes must be stopped for a moment
 * (ptrace), which is done only if asked for.
 */
#include "see.h"

#include "../core/context_frame.h"
#include "../interpose/fancheck.h"

#include <elf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { PAGE = 4096, NAMES = 1 << 14 };

static struct {
	Dwfl *dwfl;
	const struct target *t;
	bool stop_running;
	uint64_t regs[VV__FRAME_NUMBERS], pc; /* by DWARF's numbers */
	bool all_known;			      /* or only stack pointer and program counter */
	struct {
		uint64_t sp, bytes;
		const char *stack;
	} copy; /* memory that is read from here */
	struct {
		uintptr_t at;
		bool good;
		char bytes[PAGE];
	} pages[4];
	int next_page;
	struct {
		uint64_t pc;
		char *text;
		bool internal; /* in libvervet.so */
	} names[NAMES];
} u;

/* ---- memory and registers ---- */

static bool read_page(uintptr_t at, char **bytes)
{
	for (int i = 0; i < 4; i++)
		if (u.pages[i].good && u.pages[i].at == at) {
			*bytes = u.pages[i].bytes;
			return true;
		}
	u.next_page = (u.next_page + 1) % 4;
	u.pages[u.next_page].at = at;
	*bytes = u.pages[u.next_page].bytes;
	return u.pages[u.next_page].good = target_memory(u.t, at, *bytes, PAGE) == PAGE;
}

static bool read_word(Dwfl *dwfl, Dwarf_Addr at, Dwarf_Word *result, void *arg)
{
	char *bytes;

	if (at >= u.copy.sp && at + sizeof(*result) <= u.copy.sp + u.copy.bytes) {
		memcpy(result, u.copy.stack + (at - u.copy.sp), sizeof(*result));
		return true;
	}
	if (at % PAGE > PAGE - sizeof(*result))
		return target_memory(u.t, at, result, sizeof(*result)) == sizeof(*result);
	if (!read_page(at & ~(Dwarf_Addr)(PAGE - 1), &bytes))
		return false;
	memcpy(result, bytes + at % PAGE, sizeof(*result));
	return true;
}

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread)
{
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	int first = u.all_known ? 0 : VV__FRAME_SP, n = u.all_known ? VV__FRAME_NUMBERS : 1;

	if (!dwfl_thread_state_registers(thread, first, (unsigned)n, u.regs + first))
		return false;
#if defined(__x86_64__) /* where the program counter has a number */
	return u.all_known || dwfl_thread_state_registers(thread, VV__FRAME_RETURN, 1, &u.pc);
#else
	dwfl_thread_state_register_pc(thread, u.pc);
	return true;
#endif
}

static bool from_saved(const struct seen *s)
{
	static const uint8_t saved[] = VV__FRAME_SAVED;
	uintptr_t sp = (uintptr_t)s->g.ctx.sp;
	uint64_t frame[VV__FRAME_SIZE / 8];

	if (!sp || target_memory(u.t, sp, frame, sizeof(frame)) != sizeof(frame))
		return false;
	memset(u.regs, 0, sizeof(u.regs));
	for (size_t i = 0; i < sizeof(saved); i++)
		u.regs[saved[i]] = frame[VV__FRAME_AT / 8 + i];
	u.regs[VV__FRAME_SP] = sp + VV__FRAME_SIZE;
	u.pc = u.regs[VV__FRAME_RETURN];
	return u.all_known = true;
}

static void known_place(uint64_t sp, uint64_t pc)
{
	u.regs[VV__FRAME_SP] = sp;
	u.pc = pc;
	u.all_known = false;
}

static bool from_call(const struct seen *s)
{
	struct call c = present_call(u.t, s->tid);

	if (c.known)
		known_place(c.sp, c.pc);
	return c.known;
}

static void take_registers(const struct user_regs_struct *r)
{
#if defined(__x86_64__)
	const uint64_t regs[VV__FRAME_NUMBERS] = {r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp,
	    r->rsp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip};

	memcpy(u.regs, regs, sizeof(regs));
	u.pc = r->rip;
#else
	memcpy(u.regs, r->regs, sizeof(r->regs));
	u.regs[VV__FRAME_SP] = r->sp;
	u.pc = r->pc;
#endif
	u.all_known = true;
}

static bool stop(int tid)
{
	struct user_regs_struct r;
	struct iovec all = {&r, sizeof(r)};
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0))
		return false;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0 && waitpid(tid, &status, __WALL) == tid &&
	    WIFSTOPPED(status) && ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &all) == 0) {
		take_registers(&r);
		return true;
	}
	ptrace(PTRACE_DETACH, tid, 0, 0);
	return false;
}

/* ---- names ---- */

static void source_line(Dwfl_Module *module, Dwarf_Addr pc, char *text, size_t n)
{
	Dwfl_Line *line = dwfl_module_getsrc(module, pc);
	const char *file, *base;
	int number;

	*text = 0;
	if (!line || !(file = dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL)))
		return;
	base = strrchr(file, '/');
	snprintf(text, n, ", %s:%d", base ? base + 1 : file, number);
}

static const char *base_name(const char *path)
{
	const char *base = path ? strrchr(path, '/') : NULL;

	return base ? base + 1 : path ? path : "?";
}

static char *name_of(Dwarf_Addr pc, bool *internal)
{
	Dwfl_Module *module = dwfl_addrmodule(u.dwfl, pc);
	char line[TEXT], *text = NULL;
	const char *file, *symbol;
	GElf_Off offset = 0;
	GElf_Sym sym;

	*internal = false;
	if (!module)
		return asprintf(&text, "0x%lx", (unsigned long)pc) < 0 ? NULL : text;
	file = base_name(dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
	*internal = !strncmp(file, "libvervet.so", 12);
	symbol = dwfl_module_addrinfo(module, pc, &offset, &sym, NULL, NULL, NULL);
	source_line(module, pc, line, sizeof(line));
	if (asprintf(&text, "%s (%s%s)", symbol ? symbol : "?", file, line) < 0)
		return NULL;
	return text;
}

static const char *cached_name(Dwarf_Addr pc, bool *internal)
{
	size_t i = pc * 0x9e3779b97f4a7c15ul >> 50;

	for (size_t k = 0; k < NAMES && u.names[i].text && u.names[i].pc != pc; k++)
		i = (i + 1) % NAMES;
	if (u.names[i].text && u.names[i].pc != pc) { /* full: forget one */
		u.names[i].text = NULL;
	}
	if (!u.names[i].text) {
		u.names[i].pc = pc;
		u.names[i].text = name_of(pc, &u.names[i].internal);
	}
	*internal = u.names[i].internal;
	return u.names[i].text ? u.names[i].text : "?";
}

/* ---- frames ---- */

struct walk {
	struct stack *out;
	bool internal[FRAMES];
};

static int one_frame(Dwfl_Frame *frame, void *arg)
{
	struct walk *w = arg;
	Dwarf_Addr pc;
	bool activation;

	if (!dwfl_frame_pc(frame, &pc, &activation) || !pc)
		return DWARF_CB_ABORT;
	w->out->frames[w->out->n] = cached_name(pc - !activation, &w->internal[w->out->n]);
	return ++w->out->n == FRAMES ? DWARF_CB_ABORT : DWARF_CB_OK;
}

/* Leave out our own frames, but for the interposed function, and what lies below the greenlet's first. */
static void trim(struct walk *w)
{
	struct stack *o = w->out;
	int first = 0, last = o->n;

	while (first + 1 < o->n && w->internal[first] && w->internal[first + 1])
		first++;
	for (int i = o->n; i-- > first + 1;)
		if (w->internal[i]) {
			while (i > first + 1 && w->internal[i - 1])
				i--;
			if (i > first + 1 || o->n - i < 6)
				last = i;
			break;
		}
	o->n = last - first;
	memmove(o->frames, o->frames + first, (size_t)o->n * sizeof(*o->frames));
}

void unwind(const struct target *t, const struct seen *s, struct stack *out)
{
	struct walk w = {.out = out};
	bool stopped = false, known;

	out->n = 0;
	for (int i = 0; i < 4; i++)
		u.pages[i].good = false;
	if (!s->running)
		known = from_saved(s);
	else if (u.stop_running && s->tid)
		known = stopped = stop(s->tid);
	else
		known = s->tid && from_call(s);
	if (!known || !u.dwfl)
		return;
	dwfl_getthread_frames(u.dwfl, (pid_t)(s->g.id & 0x3fffffff), one_frame, &w);
	if (stopped)
		ptrace(PTRACE_DETACH, s->tid, 0, 0);
	trim(&w);
}

void unwind_kept(const struct target *t, const struct vv__unhooked *kept, struct stack *out)
{
	struct walk w = {.out = out};

	out->n = 0;
	if (!u.dwfl)
		return;
	u.copy.sp = kept->sp;
	u.copy.bytes = kept->bytes;
	u.copy.stack = kept->stack;
	known_place(kept->sp, kept->pc);
	dwfl_getthread_frames(u.dwfl, (pid_t)((uintptr_t)kept & 0x3fffffff), one_frame, &w);
	u.copy.bytes = 0;
}

/* "handle (server.c:42)"; the system's files have no such. */
static void own_words(Dwarf_Addr pc, char in[TEXT])
{
	Dwfl_Module *module = dwfl_addrmodule(u.dwfl, pc);
	const char *path = NULL, *symbol;
	char line[TEXT / 2];

	if (module)
		dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, &path, NULL);
	if (!path || !strncmp(path, "/lib", 4) || !strncmp(path, "/usr/lib", 8) || strstr(path, "/libvervet"))
		return;
	symbol = dwfl_module_addrname(module, pc);
	source_line(module, pc, line, sizeof(line));
	snprintf(in, TEXT, "%.200s (%.250s)", symbol ? symbol : "?", *line ? line + 2 : base_name(path));
}

struct site_walk {
	struct walk w;
	char *in;
};

static int one_site_frame(Dwfl_Frame *frame, void *arg)
{
	struct site_walk *s = arg;
	Dwarf_Addr pc;
	bool activation;

	if (!*s->in && dwfl_frame_pc(frame, &pc, &activation))
		own_words(pc - !activation, s->in);
	return one_frame(frame, &s->w);
}

void unwind_site(const struct target *t, const struct vv__site *site, struct stack *out, char in[TEXT])
{
	struct site_walk s = {.w = {.out = out}, .in = in};

	out->n = 0;
	*in = 0;
	if (!u.dwfl)
		return;
	for (int i = 0; i < 4; i++)
		u.pages[i].good = false;
	memcpy(u.regs, site->registers, sizeof(site->registers));
	u.pc = site->registers[VV__FRAME_RETURN];
	u.all_known = true;
	u.copy.sp = site->registers[VV__FRAME_SP];
	u.copy.bytes = site->bytes;
	u.copy.stack = site->stack;
	dwfl_getthread_frames(u.dwfl, (pid_t)(site->serial & 0x3fffffff), one_site_frame, &s);
	u.copy.bytes = 0;
	trim(&s.w);
}

const char *variable_at(uint64_t address)
{
	Dwfl_Module *module = u.dwfl ? dwfl_addrmodule(u.dwfl, address) : NULL;
	GElf_Off offset = 0;
	GElf_Sym symbol;
	const char *name =
	    module ? dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL) : NULL;

	return name && GELF_ST_TYPE(symbol.st_info) == STT_OBJECT && offset < symbol.st_size ? name : NULL;
}

int unwind_begin(const struct target *t, bool stop_running)
{
	static const Dwfl_Callbacks files = {
	    .find_elf = dwfl_linux_proc_find_elf, .find_debuginfo = dwfl_standard_find_debuginfo};
	static const Dwfl_Thread_Callbacks threads = {.next_thread = next_thread,
	    .get_thread = get_thread,
	    .memory_read = read_word,
	    .set_initial_registers = set_registers};

	unsetenv("DEBUGINFOD_URLS"); /* no look-up on the network */
	u.t = t;
	u.stop_running = stop_running;
	u.dwfl = dwfl_begin(&files);
	if (!u.dwfl || dwfl_linux_proc_report(u.dwfl, t->pid) || dwfl_report_end(u.dwfl, NULL, NULL) ||
	    !dwfl_attach_state(u.dwfl, NULL, t->pid, &threads, NULL)) {
		dwfl_end(u.dwfl);
		u.dwfl = NULL;
		return complain(VV__EXIT_FAILED, "%d: no backtraces: %s", t->pid, dwfl_errmsg(-1));
	}
	return 0;
}
