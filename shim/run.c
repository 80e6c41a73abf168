/*
 * Runs a program patched: finds it, makes sure that a preloaded library will be loaded into it, and executes it in
 * our place, so that exit status, signals and job control are the program's own.
 */
#include "settings.h"
#include "vervet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KERNEL_LINE = 256 /* of a script, as far as the kernel looks */, KERNEL_DEPTH = 5 };

static const char library_name[] = "libvervet.so", check_name[] = "libvervet-check.so";

int find_self(char path[PATH_MAX], size_t *directory)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		return complain(VV__EXIT_FAILED, "/proc/self/exe: %m, vervet needs /proc");
	path[n] = 0;
	*directory = (size_t)(strrchr(path, '/') + 1 - path);
	return 0;
}

/* Beside the command, as make leaves it, or in ../lib, as make install does. */
static int find_library(char path[PATH_MAX])
{
	static const char *const places[] = {"", "../lib/"};
	char self[PATH_MAX], file[PATH_MAX + 32];
	size_t directory;
	int status = find_self(self, &directory);

	if (status)
		return status;
	self[directory] = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(file, sizeof(file), "%s%s%s", self, places[i], library_name);
		if (!realpath(file, path))
			continue;
		if (strpbrk(path, ": "))
			return complain(VV__EXIT_FAILED,
			    "%s: the loader takes no name with blank or colon, install vervet elsewhere",
			    path);
		return 0;
	}
	return complain(VV__EXIT_FAILED, "%s: neither in %s nor in %s../lib, run make or make install",
	    library_name, self, self);
}

static int refuse_errno(const char *name, int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return complain(VV__EXIT_NOT_FOUND, "%s: not found, check the name", name);
	return complain(VV__EXIT_NOT_EXECUTABLE, "%s: cannot be executed: %s", name, strerror(error));
}

/* 0, or an errno as execve would have it. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS))
		return EACCES;
	return 0;
}

/* The first executable file of that name in PATH. Returns 0, or the errno that execvp would end with. */
static int search_path(const char *name, char path[PATH_MAX])
{
	const char *dir = getenv("PATH"), *end;
	int error, worst = ENOENT;

	if (!dir)
		dir = "/bin:/usr/bin";
	for (;; dir = end + 1) {
		end = strchrnul(dir, ':');
		error = ENOENT;
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - dir), dir, end > dir ? "/" : "", name) <
		    PATH_MAX)
			error = executable(path);
		if (!error)
			return 0;
		if (error != ENOENT && error != ENOTDIR)
			worst = error;
		if (!*end)
			return worst;
	}
}

int find_program(const char *name, char path[PATH_MAX])
{
	int error;

	if (!strchr(name, '/')) {
		error = *name ? search_path(name, path) : ENOENT;
	} else if (strlen(name) >= PATH_MAX) {
		error = ENAMETOOLONG;
	} else {
		error = executable(name);
		strcpy(path, name);
	}
	return error ? refuse_errno(*name ? name : "''", error) : 0;
}

/* The interpreter that line (the first of a script, after #!) names: null if there is none that the kernel takes. */
static char *interpreter(char *line, bool cut_off)
{
	char *end = strchr(line, '\n'), *name;

	if (end)
		*end = 0;
	name = line + strspn(line, " \t");
	end = strpbrk(name, " \t");
	if (end)
		*end = 0;
	else if (cut_off && !memchr(line, 0, KERNEL_LINE - 2))
		return NULL;
	return *name ? name : NULL;
}

static int check_script(const char *path, char *head, ssize_t n, int depth);

static int check_file(const char *path, int depth)
{
	char head[KERNEL_LINE + 1] = {0};
	int status, fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == EACCES)
		return complain(VV__EXIT_FAILED,
		    "%s: not readable, so vervet cannot tell whether it can be patched", path);
	if (fd < 0)
		return refuse_errno(path, errno);
	n = pread(fd, head, KERNEL_LINE, 0);
	if (n < 0)
		status = refuse_errno(path, errno);
	else if (head[0] == '#' && head[1] == '!')
		status = check_script(path, head + 2, n, depth);
	else
		status = check_elf(path, fd);
	close(fd);
	return status;
}

/* The kernel starts the interpreter in the script's place, and that one's interpreter if it is a script itself. */
static int check_script(const char *path, char *head, ssize_t n, int depth)
{
	char *name = interpreter(head, n == KERNEL_LINE);
	int error;

	if (!name)
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: its first line names no interpreter", path);
	if (depth == KERNEL_DEPTH)
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: too many scripts that interpret scripts", path);
	error = executable(name);
	if (error == ENOENT || error == ENOTDIR)
		return complain(VV__EXIT_NOT_FOUND, "%s: its interpreter %s was not found", path, name);
	if (error)
		return complain(VV__EXIT_NOT_EXECUTABLE, "%s: its interpreter %s cannot be executed: %s",
		    path, name, strerror(error));
	return check_file(name, depth + 1);
}

int check_program(const char *path)
{
	return check_file(path, 0);
}

/* True if one of the names in LD_PRELOAD's list is path. */
static bool preloaded(const char *list, const char *path)
{
	size_t len = strlen(path);

	for (; *list; list += strcspn(list, ": "), list += *list != 0)
		if (strcspn(list, ": ") == len && !memcmp(list, path, len))
			return true;
	return false;
}

static int set_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *list;
	int failed;

	if (!old || !*old)
		failed = setenv("LD_PRELOAD", library, 1);
	else if (preloaded(old, library))
		return 0;
	else if ((failed = asprintf(&list, "%s:%s", library, old) < 0) == 0)
		failed = setenv("LD_PRELOAD", list, 1);
	return failed ? complain(VV__EXIT_FAILED, "LD_PRELOAD: %m") : 0;
}

/* The heap that --fan-out=check watches. */
static int preload_check(const char *library)
{
	char path[PATH_MAX], *base;

	strcpy(path, library);
	base = strrchr(path, '/') + 1;
	if ((size_t)(base - path) + sizeof check_name > sizeof path)
		return complain(VV__EXIT_FAILED, "%s: %s", library, strerror(ENAMETOOLONG));
	strcpy(base, check_name);
	if (access(path, R_OK))
		return complain(VV__EXIT_FAILED, "%s: %m", path);
	return set_preload(path);
}

int run_program(char **argv)
{
	char library[PATH_MAX], path[PATH_MAX];
	const char *fan_out = getenv(VV__VARIABLE "FAN_OUT");
	int status = find_program(argv[0], path);

	if (!status)
		status = check_program(path);
	if (!status)
		status = find_library(library);
	if (!status)
		status = set_preload(library);
	if (!status && fan_out && !strcmp(fan_out, "check"))
		status = preload_check(library);
	if (status)
		return status;
	execv(path, argv);
	return refuse_errno(argv[0], errno);
}
