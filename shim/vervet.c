/*
 * The vervet command: options, which become the variables that the library reads (settings.def), then a program to run.
 * A first word that is exactly the name of a command of ours is that command; `vervet -- help` runs a program
 * called help.
 */
#include "vervet.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a command that prints is worth: nothing if the print went nowhere. */
static int printed(void)
{
	if (fflush(stdout) || ferror(stdout))
		return complain(VV__EXIT_FAILED, "standard output: %m");
	return 0;
}

static int print_help(void)
{
	puts("Usage: vervet [options] [--] program [arguments]\n"
	     "Run a program with its threads as greenlets: what would block a kernel thread waits on one "
	     "hub.\n\n"
	     "Options (and the variables that they set):");
	for (size_t i = 0; i < vv__setting_count; i++) {
		const struct vv__setting *s = &vv__setting_table[i];

		printf("  --%s%s%s (%s%s)\n      %s\n", s->option,
		    s->argument && s->argument[0] != '[' ? "=" : "", s->argument ? s->argument : "",
		    VV__VARIABLE, s->name, s->help);
	}
	puts("  --list\n      families and functions that are patched\n"
	     "  --version\n  --help\n\n"
	     "Commands (vervet(1) tells their options):\n"
	     "  vervet doctor PROGRAM\n      is it fit to be patched, and what would be patched? Runs "
	     "nothing\n"
	     "  vervet dump PID\n      every greenlet of a process: what it waits for, its backtrace; "
	     "deadlocks\n"
	     "  vervet top PID\n      how busy the hub is and who runs, again and again\n"
	     "  vervet metrics PID\n      counters in the Prometheus text format\n"
	     "  vervet timeline FILE --svg=PICTURE\n      draw what --trace has written\n"
	     "  vervet bench [--load=COMMAND] PROGRAM\n      plain and patched in turn, compared\n\n"
	     "Exit status: the program's own; 125 if vervet failed or the program cannot be patched,\n"
	     "126 if it cannot be executed, 127 if it was not found.");
	return printed();
}

static int print_version(void)
{
	puts("vervet " VERVET_VERSION);
	return printed();
}

static int print_list(void)
{
	list_functions();
	return printed();
}

static int help_command(int argc, char **argv)
{
	return print_help();
}

/* Run another program of ours: beside the command, as make leaves it, or in ../libexec, as make install does. */
static int execute(const char *name, char **argv)
{
	static const char *const places[] = {"", "../libexec/"};
	char path[PATH_MAX + 32];
	size_t directory;
	int status = find_self(path, &directory);

	for (size_t i = 0; !status && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path + directory, sizeof(path) - directory, "%s%s", places[i], name);
		execv(path, argv);
		if (errno != ENOENT || !access(path, F_OK))
			break;
	}
	return status ? status : complain(VV__EXIT_FAILED, "%s: %m", path);
}

/* A script. */
static int bench_command(int argc, char **argv)
{
	char self[PATH_MAX];
	size_t directory;
	int status = find_self(self, &directory);

	setenv("VERVET_COMMAND", self, 1);
	return status ? status : execute("vervet-bench", argv + 1);
}

/* What looks into programs needs elfutils (see/). It is apart, so that who starts a program does not wait for that. */
static int see_command(int argc, char **argv)
{
	return execute("vervet-see", argv);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"bench", bench_command},
    {"help", help_command},
    {"dump", see_command},
    {"doctor", see_command},
    {"top", see_command},
    {"metrics", see_command},
    {"timeline", see_command},
};

/* The library wants an absolute name, since it may be started anywhere; and cannot say as well as we what is wrong. */
static int report_file(const char **name, char path[PATH_MAX])
{
	int fd;

	if ((*name)[0] && (*name)[0] != '/') {
		if (!getcwd(path, PATH_MAX) || strlen(path) + strlen(*name) + 2 > PATH_MAX)
			return complain(VV__EXIT_FAILED, "--report: %s: no absolute name for it", *name);
		*name = strcat(strcat(path, "/"), *name);
	}
	fd = open(*name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return complain(VV__EXIT_FAILED, "--report: '%s': %m", *name);
	close(fd);
	return 0;
}

/* The same for "unix:name" and names that are not opened here. */
static int absolute_name(const char *option, const char **name, char path[PATH_MAX])
{
	size_t prefix = strncmp(*name, "unix:", 5) ? 0 : 5;
	char dir[PATH_MAX];

	if (!(*name)[prefix] || (*name)[prefix] == '/')
		return 0;
	if (!getcwd(dir, sizeof(dir)) ||
	    snprintf(path, PATH_MAX, "%.*s%s/%s", (int)prefix, *name, dir, *name + prefix) >= PATH_MAX)
		return complain(VV__EXIT_FAILED, "--%s: %s: no absolute name for it", option, *name);
	*name = path;
	return 0;
}

/* Check a setting's value and put it into the environment. */
static int set_option(const struct vv__setting *s, const char *value)
{
	struct vv__settings scratch;
	char name[64], path[PATH_MAX];
	size_t len;
	const char *bad, *wrong;

	if (!strcmp(s->name, "REPORT") && report_file(&value, path))
		return VV__EXIT_FAILED;
	if ((!strcmp(s->name, "METRICS") || !strcmp(s->name, "TRACE")) &&
	    absolute_name(s->option, &value, path))
		return VV__EXIT_FAILED;
	bad = value;
	len = strlen(value);
	wrong = s->read(&scratch, value, &bad, &len);
	if (wrong)
		return complain(
		    VV__EXIT_FAILED, "--%s: %.*s: %s, see vervet --help", s->option, (int)len, bad, wrong);
	snprintf(name, sizeof(name), "%s%s", VV__VARIABLE, s->name);
	if (setenv(name, value, 1))
		return complain(VV__EXIT_FAILED, "%s: %m", name);
	return 0;
}

enum { HELP = 1000, VERSION, LIST };

static int takes_value(const struct vv__setting *s)
{
	if (!s->argument)
		return no_argument;
	return s->argument[0] == '[' ? optional_argument : required_argument;
}

/* Options in getopt's form: the settings, by their place in the table, then ours. */
static const struct option *options(void)
{
	static struct option all[64];
	struct option *o = all;

	for (size_t i = 0; i < vv__setting_count; i++, o++)
		*o = (struct option){
		    vv__setting_table[i].option, takes_value(&vv__setting_table[i]), NULL, (int)i};
	*o++ = (struct option){"list", no_argument, NULL, LIST};
	*o++ = (struct option){"version", no_argument, NULL, VERSION};
	*o++ = (struct option){"help", no_argument, NULL, HELP};
	return all;
}

static int refuse_option(int c, char **argv)
{
	const char *word = argv[optind - 1], *why = "unknown option";

	if (c == ':')
		why = "needs a value";
	else if (optopt)
		why = strchr(word, '=') ? "takes no value" : why;
	return complain(VV__EXIT_FAILED, "%s: %s, see vervet --help", word, why);
}

/* Returns -1 when all options have been read, or a status to end with. */
static int read_options(int argc, char **argv)
{
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", options(), NULL)) != -1) {
		switch (c) {
		case HELP:
			return print_help();
		case VERSION:
			return print_version();
		case LIST:
			return print_list();
		case ':':
		case '?':
			return refuse_option(c, argv);
		}
		status = set_option(&vv__setting_table[c], optarg ? optarg : "1");
		if (status)
			return status;
	}
	return -1;
}

int main(int argc, char **argv)
{
	int status;

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc, argv);
	status = read_options(argc, argv);
	if (status >= 0)
		return status;
	if (optind >= argc)
		return complain(VV__EXIT_FAILED, "no program given, see vervet --help");
	return run_program(argv + optind);
}
