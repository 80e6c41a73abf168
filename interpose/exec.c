/*
 * Programs that the program starts are patched too (--follow=all), also when they get an environment of their own
 * making. An environment that lacks us gets our LD_PRELOAD and VERVET_* back; the new program's library takes them out
 * again before anybody reads them (vv__exec_start), so that it sees the environment it was given. The sign of this is
 * an empty element behind our name, which the loader skips: LD_PRELOAD=/lib/libvervet.so::theirs.
 *
 * A process that was not started patched, and one that cannot see the library's file (chroot), adds nothing.
 */
#include "process.h"

#include "fdinfo.h"
#include "signal.h"

#include <spawn.h>

#define PRELOAD "LD_PRELOAD="
#define MARK "::"
#define SETTING "VERVET_"

enum { MAX_SETTINGS = 16 };

/* What children are to get; filled once, before the program runs. */
static struct {
	bool patched;		/* our parent preloaded us */
	char library[PATH_MAX]; /* our file, as the loader was told */
	char text[4096];	/* the settings below */
	char *settings[MAX_SETTINGS];
	int count;
} us;

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* Our file among the elements of a preload list, or null. */
static char *find_library(char *list)
{
	size_t len = strlen(us.library);

	for (; *list; list += strcspn(list, ": "), list += *list != 0)
		if (strcspn(list, ": ") == len && !memcmp(list, us.library, len))
			return list;
	return NULL;
}

static char **find_preload(char *const env[])
{
	for (; *env; env++)
		if (starts_with(*env, PRELOAD))
			return (char **)env;
	return NULL;
}

/* ---- start ------------------------------------------------------------------------------------------------ */

static void remember_settings(char **env)
{
	size_t used = 0;

	for (; *env; env++) {
		size_t n = strlen(*env) + 1;

		if (!starts_with(*env, SETTING) || us.count == MAX_SETTINGS || used + n > sizeof(us.text))
			continue;
		us.settings[us.count++] = memcpy(us.text + used, *env, n);
		used += n;
	}
}

/* A parent put us in: take out our name, and the settings that it put behind everything else. */
static void hide(char **env, char **preload, char *mark)
{
	char *list = *preload + strlen(PRELOAD), *theirs = mark + strlen(MARK);
	char **end = env;

	memmove(list, theirs, strlen(theirs) + 1);
	while (*end)
		end++;
	while (end > env && starts_with(end[-1], SETTING))
		*--end = NULL;
	if (!*list)
		do
			preload[0] = preload[1];
		while (*preload++);
}

void vv__exec_start(char **env)
{
	Dl_info info;
	char **preload = find_preload(env), *ours;

	if (!preload || !dladdr(&us, &info) || strlen(info.dli_fname) >= sizeof(us.library))
		return;
	strcpy(us.library, info.dli_fname);
	ours = find_library(*preload + strlen(PRELOAD));
	us.patched = ours != NULL;
	if (!us.patched)
		return;
	remember_settings(env);
	ours += strlen(us.library);
	if (starts_with(ours, MARK))
		hide(env, preload, ours);
}

/* ---- environments ----------------------------------------------------------------------------------------- */

static bool follows(void)
{
	return us.patched && vv__follow && vv__family_on(process);
}

static bool library_visible(void)
{
	return vv__syscall(SYS_faccessat, AT_FDCWD, us.library, R_OK) == 0;
}

/* Where to copy to, and how much there is. */
struct out {
	char **slot;
	char *text;
};

static void put_joined(struct out *out, const char *a, const char *b, const char *c)
{
	*out->slot++ = out->text;
	out->text = stpcpy(stpcpy(stpcpy(out->text, a), b), c) + 1;
}

/* Our file's element out of the list, for a program that cannot see it. */
static void put_without_us(struct out *out, char *list)
{
	char *ours = find_library(list), *rest = ours + strlen(us.library);

	rest += strspn(rest, ": ");
	if (ours == list && !*rest)
		return;
	put_joined(out, PRELOAD, "", "");
	out->text--;
	out->text = stpcpy(mempcpy(out->text, list, ours - list), rest) + 1;
}

static void put_preload(struct out *out, char *list, bool visible)
{
	if (!visible) {
		put_without_us(out, list);
		return;
	}
	put_joined(out, PRELOAD, us.library, MARK);
	out->text = stpcpy(out->text - 1, list) + 1;
}

static bool has_setting(char *const env[], const char *setting)
{
	size_t name = strcspn(setting, "=") + 1;

	for (; *env; env++)
		if (!strncmp(*env, setting, name))
			return true;
	return false;
}

static void copy_env(struct out *out, char *const env[], char **preload, bool visible)
{
	for (char *const *p = env; *p; p++) {
		if (p == preload)
			put_preload(out, *p + strlen(PRELOAD), visible);
		else
			*out->slot++ = *p;
	}
	if (visible && !preload)
		put_joined(out, PRELOAD, us.library, MARK);
	for (int i = 0; visible && i < us.count; i++)
		if (!has_setting(env, us.settings[i]))
			*out->slot++ = us.settings[i];
	*out->slot = NULL;
}

struct vv__exec_env vv__exec_env(char *const env[])
{
	static char *nothing[] = {NULL};
	struct vv__exec_env e = {(char **)env, NULL, 0};
	char *const *from = env ? env : nothing;
	char **preload;
	bool present, visible;
	size_t n = 0;
	struct out out;

	if (!follows())
		return e;
	preload = find_preload(from);
	present = preload && find_library(*preload + strlen(PRELOAD));
	visible = library_visible();
	if (present == visible)
		return e;
	while (from[n])
		n++;
	n += MAX_SETTINGS + 2;
	e.size = n * sizeof(char *) + PATH_MAX + 64 + (preload ? strlen(*preload) : 0);
	e.copy = vv__pages(e.size);
	if (!e.copy) {
		e.size = 0;
		return e;
	}
	e.env = e.copy;
	out = (struct out){e.env, (char *)(e.env + n)};
	copy_env(&out, from, preload, visible);
	return e;
}

void vv__exec_env_free(struct vv__exec_env *e)
{
	if (e->copy)
		vv__syscall(SYS_munmap, e->copy, e->size);
}

/* ---- exec ------------------------------------------------------------------------------------------------- */

/* The real call comes back only if it failed. */
#define EXEC(call)                                                                                           \
	do {                                                                                                 \
		struct vv_greenlet *g_ = vv__me();                                                           \
		struct vv__exec_env env_ = vv__exec_env(env);                                                \
		bool given_;                                                                                 \
		int r_;                                                                                      \
                                                                                                             \
		if (vv__unlikely(g_->bystands)) {                                                            \
			vv__vfork_keep(&env_);                                                               \
			return call;                                                                         \
		}                                                                                            \
		given_ = vv__give_back_kept(g_);                                                             \
		vv__stats_report_exec();                                                                     \
		r_ = call;                                                                                   \
		if (given_)                                                                                  \
			vv__keep_pending(g_);                                                                \
		vv__exec_env_free(&env_);                                                                    \
		return r_;                                                                                   \
	} while (0)

VV_EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	EXEC(REAL(execve)(path, argv, env_.env));
}

VV_EXPORT int execveat(int dir, const char *path, char *const argv[], char *const env[], int flags)
{
	EXEC(REAL(execveat)(dir, path, argv, env_.env, flags));
}

VV_EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	EXEC(REAL(fexecve)(fd, argv, env_.env));
}

VV_EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	EXEC(REAL(execvpe)(file, argv, env_.env));
}

VV_EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

VV_EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

static size_t count_args(va_list ap)
{
	size_t n = 1;

	while (va_arg(ap, char *))
		n++;
	return n;
}

/* Arguments up to the null, then, if asked for, the environment behind it. */
static void take_args(char **argv, const char *first, va_list ap)
{
	*argv = (char *)first;
	while (*argv)
		*++argv = va_arg(ap, char *);
}

#define EXEC_LIST(name, call, before_return)                                                                 \
	VV_EXPORT int name(const char *path, const char *first, ...)                                         \
	{                                                                                                    \
		va_list ap;                                                                                  \
		size_t n = 0;                                                                                \
                                                                                                             \
		va_start(ap, first);                                                                         \
		if (first)                                                                                   \
			n = count_args(ap);                                                                  \
		va_end(ap);                                                                                  \
		char *argv[n + 1];                                                                           \
		va_start(ap, first);                                                                         \
		take_args(argv, first, ap);                                                                  \
		before_return;                                                                               \
		va_end(ap);                                                                                  \
		return call;                                                                                 \
	}

EXEC_LIST(execl, execv(path, argv), )
EXEC_LIST(execlp, execvp(path, argv), )
EXEC_LIST(execle, execve(path, argv, env), char **env = va_arg(ap, char **))

/* ---- spawn ------------------------------------------------------------------------------------------------ */

#define SPAWN(name)                                                                                          \
	VV_EXPORT int name(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,          \
	    const posix_spawnattr_t *attributes, char *const argv[], char *const env[])                      \
	{                                                                                                    \
		bool hopped = vv__birth_begins();                                                            \
		struct vv__exec_env e = vv__exec_env(env);                                                   \
		pid_t child = 0;                                                                             \
		int r = REAL(name)(&child, path, actions, attributes, argv, e.env);                          \
                                                                                                             \
		if (r == 0)                                                                                  \
			vv__forker_note(child, vv__me());                                                    \
		if (r == 0 && pid)                                                                           \
			*pid = child;                                                                        \
		vv__exec_env_free(&e);                                                                       \
		vv__birth_ends(hopped);                                                                      \
		return r;                                                                                    \
	}

SPAWN(posix_spawn)
SPAWN(posix_spawnp)
