/*
 * What vervet doctor reads from an ELF file.
 */
#ifndef VV_ELF_H
#define VV_ELF_H

#include <stdbool.h>
#include <stddef.h>

struct names {
	char **at;
	size_t n;
};

struct object {
	char *path;
	bool maybe;	      /* not needed: a name of it stands in the program, which may open it */
	bool is_libc;	      /* or the loader: what it does inside is known */
	bool go;	      /* made by the Go compiler */
	struct names needed;  /* libraries */
	struct names strings; /* that look like libraries to be opened */
	struct names imports; /* functions */
	char *runpath;
	unsigned syscalls; /* inline system calls, at most */
};

/* 0, or -1 if the file cannot be read as ELF of this architecture. */
int object_read(struct object *o, const char *path);
bool names_have(const struct names *names, const char *name);
void names_add(struct names *names, const char *name);

/* Where the loader would find library `name` for an object with this runpath, or null. To be freed. */
char *library_find(const char *name, const struct object *wanting);

#endif
