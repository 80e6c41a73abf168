/*
 * Where the hub was taken from a greenlet that slept in a system call: calls that block and that nobody hooked. Noted by
 * the monitor for the summary of --stats, in a table of the first few places.
 */
#include "hub.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

struct vv__unhooked vv__unhooked_places[VV__UNHOOKED];

/* The last hexadecimal number of text, which is cut off. */
static uint64_t last_hex(char *text)
{
	char *p = strrchr(text, 'x');
	uint64_t value = 0;

	if (!p)
		return 0;
	*p++ = 0;
	for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
		value = value * 16 + (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return value;
}

/* In which system call kernel thread tid sleeps, and where; false: in none. proc(5): number, six arguments, stack pointer,
 * program counter; "running" instead. */
static bool sleeping_at(int tid, struct vv__unhooked *u)
{
	long fd = vv__open_of_thread(tid, "/syscall");
	char text[256] = "";
	const char *p;

	if (fd < 0)
		return false;
	vv__syscall(SYS_read, fd, text, sizeof text - 1);
	vv__syscall(SYS_close, fd);
	if (text[0] < '0' || text[0] > '9')
		return false;
	u->pc = last_hex(text);
	u->sp = last_hex(text);
	u->number = 0;
	for (p = text; *p >= '0' && *p <= '9'; p++)
		u->number = u->number * 10 + (*p - '0');
	return u->pc != 0;
}

static void keep_stack(struct vv__unhooked *u)
{
	struct {
		uint64_t at, n;
	} local = {(uintptr_t)u->stack, sizeof u->stack}, remote = {u->sp, sizeof u->stack};
	long n = vv__syscall(SYS_process_vm_readv, vv__syscall(SYS_getpid), &local, 1, &remote, 1, 0);

	u->bytes = n > 0 ? (uint32_t)n : 0;
}

void vv__note_unhooked(int tid)
{
	struct vv__unhooked at, *u = vv__unhooked_places;

	if (!sleeping_at(tid, &at))
		return;
	for (int i = 0; i < VV__UNHOOKED; i++, u++) {
		if (u->pc && (u->pc != at.pc || u->number != at.number))
			continue;
		if (!u->pc) {
			u->pc = at.pc;
			u->sp = at.sp;
			u->number = at.number;
			keep_stack(u);
		}
		u->count++;
		return;
	}
}

const struct vv__unhooked *vv__unhooked(int i)
{
	return i < VV__UNHOOKED && vv__unhooked_places[i].pc ? &vv__unhooked_places[i] : NULL;
}
