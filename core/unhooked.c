/*
 * Where the hub was taken from a greenlet that slept in a system call: calls that block and that nobody hooked. Noted by
 * the monitor for the summary of --stats, in a table of the first few places.
 */
#include "hub.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

enum { PLACES = 64 };

static struct vv__unhooked places[PLACES];

static const char *read_hex(const char *p, uint64_t *value)
{
	for (*value = 0; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
		*value = *value * 16 + (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return p;
}

/* The program counter of kernel thread tid if it sleeps in a system call, else 0. proc(5): number, six arguments, stack
 * pointer, program counter; "running" instead. */
static uint64_t sleeping_at(int tid)
{
	char path[48] = "/proc/self/task/", text[256] = "", digits[12];
	size_t n = strlen(path), d = sizeof digits;
	uint64_t pc = 0;
	const char *p;
	long fd;

	for (; tid; tid /= 10)
		digits[--d] = (char)('0' + tid % 10);
	memcpy(path + n, digits + d, sizeof digits - d);
	memcpy(path + n + sizeof digits - d, "/syscall", sizeof "/syscall");
	fd = vv__syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	vv__syscall(SYS_read, fd, text, sizeof text - 1);
	vv__syscall(SYS_close, fd);
	p = text[0] >= '0' && text[0] <= '9' ? strrchr(text, 'x') : NULL;
	if (p)
		read_hex(p + 1, &pc);
	return pc;
}

void vv__note_unhooked(int tid)
{
	uint64_t pc = sleeping_at(tid);

	for (int i = 0; pc && i < PLACES; i++) {
		if (places[i].pc && places[i].pc != pc)
			continue;
		places[i].pc = pc;
		places[i].count++;
		return;
	}
}

const struct vv__unhooked *vv__unhooked(int i)
{
	return i < PLACES && places[i].pc ? &places[i] : NULL;
}
