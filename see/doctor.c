/*
 * vervet doctor program: is it fit to be patched, and what would be patched? Reads files, runs nothing.
 */
#include "elf.h"
#include "see.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECTS = 400, NOTES = 24 };

static const struct {
	const char *name, *family, *rung;
} patched[] = {
#define SYM(name, family, rung) {#name, #family, #rung},
#define ALIAS(name, target, family, rung) {#name, #family, #rung},
#include "../interpose/symbols.def"
#undef SYM
#undef ALIAS
};

static const struct {
	const char *name, *what;
} blocking[] = {
#define BLOCKS(name, what) {#name, what},
#include "blocking.def"
#undef BLOCKS
};

static const struct {
	const char *rung, *word;
} rungs[] = {{"PARK", "park"}, {"HOP", "hop"}, {"PASS", "pass"}};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct exam {
	const char *program;
	char path[PATH_MAX], interpreter[PATH_MAX];
	int status; /* of vervet itself for this program: 0, or why it refuses */
	char why[TEXT];
	struct object objects[OBJECTS];
	size_t n;
	struct names missing;
	char *notes[NOTES];
	size_t notes_n;
} x;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (x.notes_n < NOTES && vasprintf(&x.notes[x.notes_n], format, ap) >= 0)
		x.notes_n++;
	va_end(ap);
}

static const char *base_of(const char *path)
{
	const char *base = strrchr(path, '/');

	return base ? base + 1 : path;
}

/* ---- the objects ---- */

static bool examined(const char *path)
{
	char real[PATH_MAX], other[PATH_MAX];

	if (!realpath(path, real))
		return true;
	for (size_t i = 0; i < x.n; i++)
		if (realpath(x.objects[i].path, other) && !strcmp(real, other))
			return true;
	return false;
}

static void add_object(const char *path, bool maybe)
{
	if (x.n == OBJECTS || examined(path) || object_read(&x.objects[x.n], path))
		return;
	x.objects[x.n++].maybe = maybe;
}

static void add_needed(size_t i)
{
	for (size_t k = 0; k < x.objects[i].needed.n; k++) {
		const char *name = x.objects[i].needed.at[k];
		char *path = library_find(name, &x.objects[i]);

		if (path)
			add_object(path, x.objects[i].maybe);
		else if (!x.objects[i].maybe && !names_have(&x.missing, name))
			names_add(&x.missing, name);
		free(path);
	}
}

static bool imports(const struct object *o, const char *name)
{
	return names_have(&o->imports, name);
}

static void add_opened(size_t i)
{
	if (x.objects[i].is_libc || !imports(&x.objects[i], "dlopen"))
		return;
	for (size_t k = 0; k < x.objects[i].strings.n; k++) {
		char *path = library_find(x.objects[i].strings.at[k], &x.objects[i]);

		if (path)
			add_object(path, true);
		free(path);
	}
}

static void add_all(const char *path)
{
	add_object(path, false);
	for (size_t i = 0; i < x.n; i++)
		add_needed(i);
	for (size_t i = 0; i < x.n; i++) {
		add_opened(i);
		add_needed(i);
	}
}

/* ---- what they import ---- */

static const char *who_imports(const char *name, bool maybe_too)
{
	for (size_t i = 0; i < x.n; i++)
		if (!x.objects[i].is_libc && (maybe_too || !x.objects[i].maybe) &&
		    imports(&x.objects[i], name)) {
			const char *base = strrchr(x.objects[i].path, '/');

			return base ? base + 1 : x.objects[i].path;
		}
	return NULL;
}

static const char *makes_threads(void)
{
	const char *who = who_imports("pthread_create", false);

	if (!who)
		who = who_imports("thrd_create", false);
	return who ? who : who_imports("pthread_create", true);
}

static void note_unpatched(void)
{
	char text[TEXT] = "";
	size_t n = 0;

	for (size_t i = 0; i < COUNT(blocking); i++) {
		bool known = false;

		for (size_t k = 0; k < COUNT(patched) && !known; k++)
			known = !strcmp(patched[k].name, blocking[i].name);
		if (!known && who_imports(blocking[i].name, false) && n < sizeof(text) - 80)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s (%s)", n ? ", " : "",
			    blocking[i].name, blocking[i].what);
	}
	if (n)
		note("calls that may block and are not patched keep their kernel thread, the hub is handed "
		     "over: %s",
		    text);
}

static void note_syscalls(void)
{
	char text[TEXT] = "";
	size_t n = 0;

	for (size_t i = 0; i < x.n && n < sizeof(text) - 128; i++) {
		const struct object *o = &x.objects[i];
		const char *base = strrchr(o->path, '/');

		if (!o->is_libc && !o->maybe && o->syscalls)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.60s (%u)", n ? ", " : "",
			    base ? base + 1 : o->path, o->syscalls);
	}
	if (n)
		note("system calls made past libc are not patched, the hub is handed over where they block: "
		     "%s",
		    text);
}

static void note_bypasses(void)
{
	const char *who;

	if ((who = who_imports("clone", false)))
		note("%s calls clone: threads made so stay kernel threads", who);
	if ((who = who_imports("dlmopen", false)))
		note("%s calls dlmopen: what it opens so is not patched", who);
	if ((who = who_imports("io_uring_queue_init", true)))
		note("%s uses io_uring: its waits are not patched, the hub is handed over", who);
	if ((who = who_imports("swapcontext", false)))
		note(
		    "%s switches stacks itself (swapcontext): fine, as long as a stack stays with its thread",
		    who);
}

static void look_for_notes(void)
{
	if (x.objects[0].go)
		note("made by Go: its runtime makes threads by clone and calls the kernel itself, so next to "
		     "nothing is patched "
		     "and nothing is gained");
	if (!x.objects[0].go && !makes_threads() && !x.notes_n)
		note("neither the program nor its libraries make threads: it runs as without vervet, and its "
		     "children are patched");
	for (size_t i = 0; i < x.missing.n; i++)
		note("needs %s, which was not found: the loader will refuse it", x.missing.at[i]);
	for (size_t i = 0; i < x.n; i++)
		if (strstr(x.objects[i].path, "/libjvm.so") || strstr(x.objects[i].path, "/libjli.so")) {
			note("a Java virtual machine: its threads become greenlets, its signals and stack "
			     "checks are its own");
			break;
		}
	note_bypasses();
	if (makes_threads() && !x.objects[0].go) {
		note_unpatched();
		note_syscalls();
	}
}

/* ---- the report ---- */

static const char *verdict(void)
{
	return x.status ? "not fit" : x.notes_n ? "fit with notes" : "fit";
}

/* The functions on one rung that anything but libc imports; prints them, or only counts. */
static size_t list_rung(const char *rung, bool json, bool print)
{
	size_t n = 0;
	int column = 0;

	for (size_t i = 0; i < COUNT(patched); i++) {
		if (strcmp(patched[i].rung, rung) || !who_imports(patched[i].name, true))
			continue;
		if (print && json)
			printf("%s\"%s\"", n ? ", " : "", patched[i].name);
		else if (print) {
			if (column > 90)
				column = 0 * puts("");
			column += printf(column ? " %s" : "         %s", patched[i].name);
		}
		n++;
	}
	if (print && !json && n)
		putchar('\n');
	return n;
}

static void print_text(void)
{
	printf("%s: %s\n", x.program, verdict());
	if (x.status) {
		printf("  %s\n  vervet would end with status %d and run nothing\n", x.why, x.status);
		return;
	}
	printf("  program  %s\n", x.path);
	if (*x.interpreter)
		printf("  runs in  %s\n", x.interpreter);
	for (size_t i = 0; i < x.notes_n; i++)
		printf("  note     %s\n", x.notes[i]);
	for (size_t i = 1; i < x.n; i++)
		printf("  %s %s\n", x.objects[i].maybe ? "may open" : "library ", x.objects[i].path);
	for (size_t r = 0; r < COUNT(rungs); r++) {
		printf("  %-8s %zu functions\n", rungs[r].word, list_rung(rungs[r].rung, false, false));
		list_rung(rungs[r].rung, false, true);
	}
}

static void json_list(const char *name, char *const *at, size_t n)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", stdout);
		json_string(stdout, at[i]);
	}
	putchar(']');
}

static void print_json(void)
{
	fputs("{\"program\": ", stdout);
	json_string(stdout, x.program);
	fputs(", \"path\": ", stdout);
	json_string(stdout, x.path);
	fputs(", \"interpreter\": ", stdout);
	json_string(stdout, x.interpreter);
	printf(", \"verdict\": \"%s\", \"status\": %d, \"why\": ", verdict(), x.status);
	json_string(stdout, x.why);
	json_list("notes", x.notes, x.notes_n);
	json_list("missing", x.missing.at, x.missing.n);
	printf(", \"objects\": [");
	for (size_t i = 0; i < x.n; i++) {
		printf("%s{\"path\": ", i ? ", " : "");
		json_string(stdout, x.objects[i].path);
		printf(", \"may_open\": %s, \"inline_syscalls\": %u}", x.objects[i].maybe ? "true" : "false",
		    x.objects[i].syscalls);
	}
	putchar(']');
	for (size_t r = 0; r < COUNT(rungs); r++) {
		printf(", \"%s\": [", rungs[r].word);
		list_rung(rungs[r].rung, true, true);
		putchar(']');
	}
	puts("}");
}

/* ---- the command ---- */

/* What `env` in the first line of a script runs: the first word that is no option and no variable. True if there is one. */
static bool follow_env(char *words, char final[PATH_MAX])
{
	char path[PATH_MAX], *rest = NULL;

	for (char *w = strtok_r(words, " \t\n", &rest); w; w = strtok_r(NULL, " \t\n", &rest)) {
		if (*w == '-' || strchr(w, '='))
			continue;
		complaint = x.why;
		if (find_program(w, path) || check_program(path))
			note("%s", x.why);
		else
			snprintf(final, PATH_MAX, "%s", path);
		x.why[0] = 0;
		complaint = NULL;
		return true;
	}
	return false;
}

/* The file that runs for path: the interpreter, if it is a script. */
static void follow_script(const char *path, char final[PATH_MAX])
{
	char line[256] = {0}, *name, *rest;
	FILE *f;

	snprintf(final, PATH_MAX, "%s", path);
	for (int depth = 0; depth < 5; depth++) {
		f = fopen(final, "re");
		if (!f || !fgets(line, sizeof(line), f))
			line[0] = 0;
		if (f)
			fclose(f);
		if (line[0] != '#' || line[1] != '!')
			return;
		name = line + 2 + strspn(line + 2, " \t");
		rest = name + strcspn(name, " \t\n");
		if (*rest)
			*rest++ = 0;
		snprintf(final, PATH_MAX, "%s", name);
		if (!strcmp(base_of(name), "env") && !follow_env(rest, final))
			return;
	}
}

/* What a shell script does is done by what it starts. */
static void note_shell(void)
{
	static const char *const shells[] = {"sh", "dash", "bash", "ksh", "mksh", "zsh"};

	for (size_t i = 0; i < COUNT(shells); i++)
		if (!strcmp(base_of(x.interpreter), shells[i])) {
			note("a shell script: the programs that it starts are patched too, if they can be; "
			     "ask doctor about "
			     "them");
			return;
		}
}

static void examine(const char *name)
{
	char final[PATH_MAX], real[PATH_MAX];

	x.program = name;
	complaint = x.why;
	x.status = find_program(name, x.path);
	if (!x.status)
		x.status = check_program(x.path);
	complaint = NULL;
	if (x.status)
		return;
	follow_script(x.path, final);
	if (strcmp(final, x.path))
		snprintf(x.interpreter, sizeof(x.interpreter), "%s", final);
	note_shell();
	add_all(realpath(final, real) ? real : final);
	if (x.n)
		look_for_notes();
}

int doctor_command(int argc, char **argv)
{
	static const struct option all[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", all, NULL)) != -1) {
		if (c == '?')
			return complain(
			    VV__EXIT_FAILED, "doctor: %s: unknown option, see vervet(1)", argv[optind - 1]);
		json = true;
	}
	if (optind >= argc)
		return complain(VV__EXIT_FAILED, "doctor: no program given, see vervet(1)");
	examine(argv[optind]);
	if (json)
		print_json();
	else
		print_text();
	if (fflush(stdout) || ferror(stdout))
		return complain(VV__EXIT_FAILED, "standard output: %m");
	return x.status;
}
