/*
 * --fan-out=check: runs as greenlet and names the static memory that two connections in flight both write. Every writable
 * segment of the program (and of libraries that are not the system's) has a shadow. When another slice is about to run,
 * the words that differ are what the last one wrote; a word that another connection in flight has written before is a
 * conflict. Heap memory is not watched: blocks that one connection frees and another gets would look the same.
 */
#include "fanout.h"

#include "../core/slice.h"
#include "interpose.h"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

enum { SEGMENTS = 64, FLYING = 1 << 16, PAGE = 4096, TOLD = 256 };

static struct segment {
	uint64_t *at, *shadow;
	uint32_t *writer; /* of each word: the serial number of a connection, or 0 */
	size_t words;
	uintptr_t base;
	char path[256];
} segments[SEGMENTS];
static int segments_n;

static uint32_t flying[FLYING]; /* serial numbers in flight, at their remainder */
static uintptr_t told[TOLD];
static int told_n;

/* ---- names ---- */

struct found {
	const char *name, *file;
	uintptr_t at;
	size_t size;
};

static void look_up(const char *image, uintptr_t address, struct found *f)
{
	const ElfW(Ehdr) *e = (const void *)image;
	const ElfW(Shdr) *sections = (const void *)(image + e->e_shoff);
	const char *file = NULL;

	for (int i = 0; e->e_shoff && i < e->e_shnum; i++) {
		const ElfW(Sym) *symbols = (const void *)(image + sections[i].sh_offset);
		const char *names;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		names = image + sections[sections[i].sh_link].sh_offset;
		for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++) {
			const ElfW(Sym) *s = &symbols[k];

			if (ELF64_ST_TYPE(s->st_info) == STT_FILE)
				file = names + s->st_name;
			if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || address - s->st_value >= s->st_size)
				continue;
			*f = (struct found){names + s->st_name,
			    ELF64_ST_BIND(s->st_info) == STB_LOCAL ? file : NULL, s->st_value, s->st_size};
		}
	}
}

static void tell(const struct segment *s, uintptr_t address, const struct found *f)
{
	uintptr_t id = f->name ? s->base + f->at : address & -(uintptr_t)64;

	for (int i = 0; i < told_n; i++)
		if (told[i] == id)
			return;
	if (told_n == TOLD)
		return;
	told[told_n++] = id;
	if (f->name)
		vv__log("check: two connections in flight both wrote %s%s%s (%lu bytes): run it with "
			"--fan-out=fork",
		    f->name, f->file ? " in " : "", f->file ? f->file : "", f->size);
	else
		vv__log("check: two connections in flight both wrote %s+0x%lx: run it with --fan-out=fork",
		    s->path, (unsigned long)(address - s->base));
}

static void conflict(const struct segment *s, uintptr_t address)
{
	struct found f = {.name = NULL};
	struct stat st;
	long fd = vv__syscall(SYS_openat, AT_FDCWD, s->path, O_RDONLY | O_CLOEXEC), image = -1;

	if (fd >= 0 && vv__syscall(SYS_fstat, fd, &st) == 0)
		image = vv__syscall(SYS_mmap, NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image > 0 || image < -4095)
		look_up((const char *)image, address - s->base, &f);
	tell(s, address, &f);
	if (image > 0 || image < -4095)
		vv__syscall(SYS_munmap, image, st.st_size);
	if (fd >= 0)
		vv__syscall(SYS_close, fd);
}

/* ---- comparing ---- */

static void wrote(struct segment *s, size_t word, uint32_t serial)
{
	uint32_t before = s->writer[word];

	s->shadow[word] = s->at[word];
	s->writer[word] = serial;
	if (serial && before && before != serial && flying[before % FLYING] == before)
		conflict(s, (uintptr_t)&s->at[word]);
}

/* In the hub: what has changed was written by the connection `serial` (0: by none). */
void vv__fancheck_compare(uint32_t serial)
{
	enum { WORDS = PAGE / sizeof(uint64_t) };

	for (int i = 0; i < segments_n; i++) {
		struct segment *s = &segments[i];

		for (size_t w = 0; w < s->words; w += WORDS) {
			size_t n = s->words - w < WORDS ? s->words - w : WORDS;

			if (!memcmp(s->at + w, s->shadow + w, n * sizeof *s->at))
				continue;
			for (size_t k = w; k < w + n; k++)
				if (s->at[k] != s->shadow[k])
					wrote(s, k, serial);
		}
	}
}

void vv__fancheck_flies(uint32_t serial, bool flies)
{
	flying[serial % FLYING] = flies ? serial : 0;
}

/* ---- start ---- */

static bool is_systems(const char *path)
{
	return !strncmp(path, "/lib", 4) || !strncmp(path, "/usr/lib", 8) ||
	       !strncmp(path, "linux-vdso", 10) || strstr(path, "/libvervet.so");
}

static void watch(const struct dl_phdr_info *info, const ElfW(Phdr) * p)
{
	struct segment *s = &segments[segments_n];
	uintptr_t from = (info->dlpi_addr + p->p_vaddr + 7) & ~7ul;
	uintptr_t to = (info->dlpi_addr + p->p_vaddr + p->p_memsz) & ~7ul;

	if (segments_n == SEGMENTS || to <= from)
		return;
	s->at = (uint64_t *)from;
	s->words = (to - from) / sizeof *s->at;
	s->base = info->dlpi_addr;
	s->shadow = vv__pages(s->words * sizeof *s->shadow);
	s->writer = vv__pages(s->words * sizeof *s->writer);
	if (!s->shadow || !s->writer)
		return;
	strncpy(s->path, info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe", sizeof s->path - 1);
	memcpy(s->shadow, s->at, s->words * sizeof *s->at);
	segments_n++;
}

static int watch_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	if (info->dlpi_name[0] && is_systems(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_W)
			watch(info, &info->dlpi_phdr[i]);
	return 0;
}

void vv__fancheck_start(void)
{
	dl_iterate_phdr(watch_object, NULL);
}
