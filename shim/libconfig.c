/*
 * Reads VERVET_* from the environment. What is unknown or cannot be read is reported and taken out of the
 * environment, so that it counts as unset here and below, and is reported once in a tree of processes.
 */
#include "lib.h"
#include "settings.h"

#include "../interpose/process.h"

#include <sys/auxv.h>

unsigned vv__families;
bool vv__follow = true;

/* The loader's: where the kernel put argc, the arguments and the environment. */
extern void *__libc_stack_end;

/* libc's environ is null until its own initialisation, and an allocator may call us before. */
static char **environment(void)
{
	if (environ)
		return environ;
	return (char **)__libc_stack_end + *(long *)__libc_stack_end + 2;
}

static void drop(char **entry)
{
	do
		entry[0] = entry[1];
	while (*entry++);
}

/* True if entry ("VERVET_X=value") is good and has been read. */
static bool read_entry(struct vv__settings *s, const char *entry)
{
	const char *name = entry + sizeof(VV__VARIABLE) - 1;
	size_t len = strcspn(name, "=");
	const struct vv__setting *setting = vv__setting_find(name, len);
	const char *wrong, *value = name + len + 1, *bad = value;
	size_t bad_len;

	if (!setting) {
		vv__log("%s: unknown variable, ignored", entry);
		return false;
	}
	wrong = setting->read(s, value, &bad, &bad_len);
	if (wrong)
		vv__log("%s: %s, ignored", entry, wrong);
	return !wrong;
}

/* Take this library out of the entry "LD_PRELOAD=a b:c"; true if nothing is left. */
static bool strip_preload(char *entry)
{
	char *list = entry + sizeof("LD_PRELOAD=") - 1, *out = list;
	static const char ours[] = "libvervet.so";

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ": "), ours_len = sizeof(ours) - 1;
		bool is_ours = n >= ours_len && !memcmp(p + n - ours_len, ours, ours_len);

		if (n && !is_ours) {
			if (out > list)
				*out++ = ':';
			memmove(out, p, n);
			out += n;
		}
		p += n + (p[n] != 0);
	}
	*out = 0;
	return out == list;
}

static void apply(const struct vv__settings *s)
{
	vv__families = s->families;
	vv__follow = s->follow;
	vv__config.handover_ns = s->handover_ns;
	vv__config.lend = s->lend;
	vv__config.stats = s->stats;
	vv__config.quiet = s->quiet;
	vv__config.dump_signal = s->dump_signal;
	vv__config.stall_ns = s->stall_ns;
	vv__config.metrics = s->metrics;
	vv__config.overflow = s->overflow;
	vv__config.trace = s->trace;
	vv__fanout = s->fanout;
}

/*
 * Open the file that reports go to, under a number out of the program's way. The summary's standard error is kept
 * the same way: many programs close theirs before they end. False if there is no such file.
 */
static bool open_report(const struct vv__settings *s)
{
	long fd = s->report  ? vv__syscall(SYS_openat, AT_FDCWD, s->report,
				   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)
		  : s->stats ? vv__syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
			     : STDERR_FILENO;

	if (fd != STDERR_FILENO && fd >= 0)
		fd = vv__hub_fd((int)fd);
	vv__config.report_fd = fd < 0 ? STDERR_FILENO : (int)fd;
	return fd >= 0 || !s->report;
}

/* Drop the entries that begin with prefix and of which gone says so. */
static void drop_matching(char **env, const char *prefix, bool (*gone)(char *entry))
{
	for (char **p = env; *p;) {
		if (!strncmp(*p, prefix, strlen(prefix)) && gone(*p))
			drop(p);
		else
			p++;
	}
}

static struct vv__settings settings;

static bool unread(char *entry)
{
	return !read_entry(&settings, entry);
}

static bool always(char *entry)
{
	return true;
}

void vv__config_read(void)
{
	char **env = environment();

	vv__settings_default(&settings);
	apply(&settings);
	if (getauxval(AT_SECURE))
		return;
	drop_matching(env, VV__VARIABLE, unread);
	apply(&settings);
	if (!open_report(&settings)) {
		vv__log("%s: cannot be opened, reports go to standard error", settings.report);
		drop_matching(env, VV__VARIABLE "REPORT=", always);
	}
	if (!settings.follow)
		drop_matching(env, "LD_PRELOAD=", strip_preload);
}
