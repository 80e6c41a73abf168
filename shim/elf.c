/*
 * Is a program fit for a preloaded library? Read from the file, nothing is run.
 */
#include "vervet.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
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

/* The loader that the program asks for, "" if it asks for none. Its header comes before those of what is loaded. */
static const char *loader(const Elf64_Ehdr *eh, int fd, char name[PATH_MAX])
{
	Elf64_Phdr ph[32];
	ssize_t n = 0, len = 0;

	if (eh->e_phentsize == sizeof(ph[0]))
		n = pread(fd, ph, sizeof(ph), (off_t)eh->e_phoff) / (ssize_t)sizeof(ph[0]);
	for (ssize_t i = 0; i < n && i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_INTERP && ph[i].p_filesz < PATH_MAX)
			len = pread(fd, name, ph[i].p_filesz, (off_t)ph[i].p_offset);
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

/* This command, which needs no library to hand on what it was told. */
static bool is_self(const char *path)
{
	struct stat self, st;

	return !stat("/proc/self/exe", &self) && !stat(path, &st) && st.st_dev == self.st_dev &&
	       st.st_ino == self.st_ino;
}

static int check_loader(const char *path, const char *name)
{
	const char *base = strrchr(name, '/');

	if (!*name && (is_loader(path) || is_self(path)))
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

/* A file that ends before its program headers do: the kernel would refuse it, or kill what it had begun to load. */
static bool is_cut_off(const Elf64_Ehdr *eh, int fd)
{
	uint64_t headers = (uint64_t)eh->e_phnum * eh->e_phentsize;
	struct stat st;

	return !fstat(fd, &st) &&
	       (eh->e_phoff > INT64_MAX - headers || eh->e_phoff + headers > (uint64_t)st.st_size);
}

/* Type and machine stand at the same place in every class. */
static int check_header(const char *path, int fd)
{
	Elf64_Ehdr eh;
	char name[PATH_MAX];
	ssize_t n = pread(fd, &eh, sizeof(eh), 0);

	if (n < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return complain(VV__EXIT_NOT_EXECUTABLE,
		    "%s: neither an ELF program nor a script, a script begins with #! and its interpreter",
		    path);
	if (eh.e_machine != OUR_MACHINE || eh.e_ident[EI_CLASS] != ELFCLASS64)
		return complain(VV__EXIT_FAILED,
		    "%s: built for another architecture than vervet, run it without vervet", path);
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: an ELF file, but no program", path);
	if (n < (ssize_t)sizeof(eh) || is_cut_off(&eh, fd))
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: an ELF file, but its end is missing", path);
	return check_loader(path, loader(&eh, fd, name));
}

int check_elf(const char *path, int fd)
{
	const char *why = privilege(fd);
	int status = check_header(path, fd);

	if (!status && why)
		return complain(VV__EXIT_FAILED,
		    "%s: %s, and the loader preloads nothing into such programs; run it without vervet", path,
		    why);
	return status;
}
