/*
 * Which variable an address lies in: from the symbol table of the file, since a program exports but few.
 */
#include "fanout.h"

#include "interpose.h"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>

static bool look_up(const char *image, uintptr_t address, uintptr_t *at, size_t *size)
{
	const ElfW(Ehdr) *e = (const void *)image;
	const ElfW(Shdr) *sections = (const void *)(image + e->e_shoff);

	for (int i = 0; e->e_shoff && i < e->e_shnum; i++) {
		const ElfW(Sym) *symbols = (const void *)(image + sections[i].sh_offset);

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t k = 0; k < sections[i].sh_size / sizeof *symbols; k++) {
			const ElfW(Sym) *s = &symbols[k];

			if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || address - s->st_value >= s->st_size)
				continue;
			*at = s->st_value;
			*size = s->st_size;
			return true;
		}
	}
	return false;
}

void vv__fanobject(char *p, const char *path, uintptr_t base, char **start, size_t *size)
{
	enum { UNNAMED = 64 };
	uintptr_t at = ((uintptr_t)p - base) & -(uintptr_t)UNNAMED;
	struct stat st;
	long fd = vv__syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC), image = -1;

	*size = UNNAMED;
	if (fd >= 0 && vv__syscall(SYS_fstat, fd, &st) == 0)
		image = vv__syscall(SYS_mmap, NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image > 0 || image < -4095) {
		look_up((const char *)image, (uintptr_t)p - base, &at, size);
		vv__syscall(SYS_munmap, image, st.st_size);
	}
	if (fd >= 0)
		vv__syscall(SYS_close, fd);
	*start = (char *)(base + at);
}
