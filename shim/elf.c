/*
 * Is a program fit for a preloaded library? Read with libelf from the file, nothing is run.
 */
#include "vervet.h"

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OUR_MACHINE = EM_AARCH64 };
#endif

/* The loader ignores LD_PRELOAD for a program that gets rights by being executed. */
static const char *privilege(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	if (st.st_mode & S_ISUID)
		return "setuid";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return "setgid";
	return fgetxattr(fd, "security.capability", NULL, 0) >= 0 ? "has file capabilities" : NULL;
}

/* The loader that the program asks for, "" if it asks for none. */
static const char *loader(Elf *elf, int fd, char name[PATH_MAX])
{
	GElf_Phdr ph;
	size_t n;
	ssize_t len = 0;

	if (elf_getphdrnum(elf, &n))
		n = 0;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_INTERP && ph.p_filesz < PATH_MAX)
			len = pread(fd, name, ph.p_filesz, (off_t)ph.p_offset);
	name[len > 0 ? len : 0] = 0;
	return name;
}

/* The loader itself, which runs a program that its arguments name, and preloads. */
static bool is_loader(const char *path)
{
	char real[PATH_MAX];
	const char *base = realpath(path, real) ? strrchr(real, '/') : NULL;

	return base && !strncmp(base + 1, "ld-linux", 8);
}

static int check_loader(const char *path, const char *name)
{
	const char *base = strrchr(name, '/');

	if (!*name && is_loader(path))
		return 0;
	if (!*name)
		return complain(VV__EXIT_FAILED,
		    "%s: statically linked, no library can be preloaded; link it dynamically or run it "
		    "without vervet",
		    path);
	if (access(name, F_OK))
		return complain(VV__EXIT_NOT_FOUND, "%s: its loader %s was not found", path, name);
	if (strncmp(base ? base + 1 : name, "ld-linux", 8))
		return complain(VV__EXIT_FAILED,
		    "%s: loaded by %s, not by glibc's loader; run it without vervet", path, name);
	return 0;
}

static int check_header(const char *path, Elf *elf, int fd)
{
	GElf_Ehdr eh;
	char name[PATH_MAX];

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return complain(VV__EXIT_NOT_EXECUTABLE,
		    "%s: neither an ELF program nor a script, a script begins with #! and its interpreter",
		    path);
	if (eh.e_machine != OUR_MACHINE || eh.e_ident[EI_CLASS] != ELFCLASS64)
		return complain(VV__EXIT_FAILED,
		    "%s: built for another architecture than vervet, run it without vervet", path);
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: an ELF file, but no program", path);
	return check_loader(path, loader(elf, fd, name));
}

int check_elf(const char *path, int fd)
{
	const char *why = privilege(fd);
	int status;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return complain(VV__EXIT_FAILED, "%s: %s", path, elf_errmsg(-1));
	status = check_header(path, elf, fd);
	elf_end(elf);
	if (!status && why)
		return complain(VV__EXIT_FAILED,
		    "%s: %s, and the loader preloads nothing into such programs; run it without vervet", path,
		    why);
	return status;
}
