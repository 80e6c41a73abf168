/*
 * Threads of the Go runtime (programs and libraries with cgo make theirs by pthread_create). Go schedules goroutines on
 * them itself, and past libc: it keeps each thread's kernel id, preempts by sending signals there, and sets signal
 * stacks and masks by raw system calls. Such a thread stays a kernel thread. Its start function lies in an object with
 * Go's note (cmd/link writes it, type 4, owner "Go").
 */
#include "thread.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

struct search {
	uintptr_t address;
	bool found, go;
};

static bool is_go_note(const char *p, const char *end)
{
	enum { BUILD_ID = 4 };

	while (p + sizeof(ElfW(Nhdr)) <= end) {
		const ElfW(Nhdr) *n = (const void *)p;
		const char *owner = p + sizeof *n;

		if (n->n_type == BUILD_ID && n->n_namesz == sizeof "Go\0" && !memcmp(owner, "Go\0", sizeof "Go\0"))
			return true;
		p = owner + ((n->n_namesz + 3) & ~3u) + ((n->n_descsz + 3) & ~3u);
	}
	return false;
}

static int look_at_object(struct dl_phdr_info *info, size_t size, void *search)
{
	struct search *s = search;
	bool go = false;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && s->address - at < p->p_memsz)
			s->found = true;
		if (p->p_type == PT_NOTE && is_go_note((char *)at, (char *)at + p->p_memsz))
			go = true;
	}
	s->go = s->found && go;
	return s->found;
}

/* The object that made the last thread is remembered: most programs have one that does. */
bool vv__is_go(void *(*fn)(void *))
{
	static _Atomic uintptr_t last;
	struct dl_find_object object;
	struct search s = {.address = (uintptr_t)fn};

	if (_dl_find_object((void *)fn, &object) || (uintptr_t)object.dlfo_link_map == atomic_load(&last))
		return false;
	vv__each_object(look_at_object, &s);
	if (!s.go)
		atomic_store(&last, (uintptr_t)object.dlfo_link_map);
	return s.go;
}
