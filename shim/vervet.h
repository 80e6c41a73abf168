/*
 * The parts of the vervet command.
 */
#ifndef VV_VERVET_H
#define VV_VERVET_H

#include <limits.h>
#include <stddef.h>

/* Exit statuses, as env(1) and timeout(1) have them. */
enum {
	VV__EXIT_FAILED = 125,	       /* vervet itself failed, or the program cannot be patched */
	VV__EXIT_NOT_EXECUTABLE = 126, /* found, cannot be executed */
	VV__EXIT_NOT_FOUND = 127,
};

/* One line on standard error: "vervet: " and the message. Returns status. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* If set, complaints go to these VV__COMPLAINT bytes and not to standard error. */
extern char *complaint;
enum { VV__COMPLAINT = 512 };

/* The name of the file that runs, the first *directory bytes of it being its directory's, or a status. */
int find_self(char path[PATH_MAX], size_t *directory);

/* Look name up as execvp(3) does. Returns 0 with the path in *path, or a status, after complaining. */
int find_program(const char *name, char path[PATH_MAX]);

/* Returns 0 if the file at path can run with a preloaded library, or a status, after complaining. */
int check_program(const char *path);

/* The same for the ELF file open at fd. */
int check_elf(const char *path, int fd);

/* Run argv[0] patched. Returns only on failure, a status, after complaining. */
int run_program(char **argv);

/* Print families and functions. Returns a status. */
int list_functions(void);

#endif
