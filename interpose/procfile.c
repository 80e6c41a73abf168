/*
 * What a thread reads of itself or of another under /proc by the id that gettid answers: comm, stat and status. The kernel has
 * no such thread, so its answer is first ENOENT; then a file in memory is made of what it says of the kernel thread on
 * which the greenlet runs, with the greenlet's own id, name, state and CPU time. It shows the moment when it was opened.
 * The process's own stat and status are there, but count kernel threads: a stream that reads them gets such a file, too.
 */
#include "procfile.h"
#include "cpuclock.h"
#include "interpose.h"

#include <sys/mman.h>

enum { TEXT = 2048, TICK_NS = 10000000 /* the unit of times in /proc is 1/100 s */ };
enum { STATE = 3, USER_TIME = 14, SYSTEM_TIME = 15, THREADS = 20 }; /* fields of stat */

/* The file, as it is being written. */
struct text {
	char at[TEXT + 256];
	size_t n;
};

static void put(struct text *t, const char *from, size_t n)
{
	if (n > sizeof t->at - t->n)
		n = sizeof t->at - t->n;
	memcpy(t->at + t->n, from, n);
	t->n += n;
}

static void put_string(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void put_number(struct text *t, int64_t n)
{
	char digits[24];

	put(t, digits, vv__put_decimal(digits, n) - digits);
}

/* ---- whose file it is ---- */

/* Past a number and what follows it, or null. */
static const char *past_number(const char *p, const char *then, long *n)
{
	if (*p < '1' || *p > '9')
		return NULL;
	for (*n = 0; *p >= '0' && *p <= '9' && *n < INT_MAX; p++)
		*n = *n * 10 + *p - '0';
	return strncmp(p, then, strlen(then)) ? NULL : p + strlen(then);
}

static struct vv_greenlet *owner(const char *path, const char **file)
{
	static const char proc[] = "/proc/", self[] = "self/task/";
	const char *p = path + strlen(proc), *task;
	struct vv_greenlet *g;
	long n;

	if (strncmp(path, proc, strlen(proc)))
		return NULL;
	if (!strncmp(p, self, strlen(self)))
		p += strlen(self);
	else if ((task = past_number(p, "/task/", &n)) && n == vv__syscall(SYS_getpid))
		p = task;
	*file = past_number(p, "/", &n);
	g = *file ? vv__of_tid((int)n) : NULL;
	return g && !g->foreign && atomic_load(&g->state) != VV__DONE ? g : NULL;
}

/* ---- what is in it ---- */

static bool runs(struct vv_greenlet *g)
{
	uint8_t state = atomic_load(&g->state);

	return state == VV__RUNNING || state == VV__RUNNABLE;
}

/* False if there is more than to can hold. */
static bool read_kernels(const char *path, char *to)
{
	long fd = vv__syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC), n;

	if (fd < 0)
		return false;
	n = vv__syscall(SYS_read, fd, to, TEXT - 1);
	vv__syscall(SYS_close, fd);
	to[n < 0 ? 0 : n] = 0;
	return n > 0 && n < TEXT - 1;
}

/* t is room for the name. */
static bool read_of_carrier(struct vv_greenlet *g, const char *file, struct text *t, char *to)
{
	int tid = vv__carrier_tid(g);

	put_string(t, "/proc/self/task/");
	put_number(t, tid ? tid : vv__hub_tid());
	put_string(t, "/");
	put(t, file, strlen(file) + 1);
	t->n = 0;
	return read_kernels(t->at, to);
}

/* number (name) state and so on, separated by spaces. */
static void write_stat(struct vv_greenlet *g, struct text *t, char *kernel)
{
	char *p = strrchr(kernel, ')'), *end;
	int64_t user, system;

	vv__cpu_share(g, &user, &system);
	put_number(t, g->tid);
	put_string(t, " (");
	put_string(t, g->name);
	put_string(t, ")");
	p = p && p[1] ? p + 2 : NULL;
	for (int field = STATE; p && *p; field++, p = end + (*end == ' ')) {
		end = p + strcspn(p, " ");
		put_string(t, " ");
		if (field == STATE)
			put_string(t, runs(g) ? "R" : "S");
		else if (field == USER_TIME || field == SYSTEM_TIME)
			put_number(t, (field == USER_TIME ? user : system) / TICK_NS);
		else
			put(t, p, end - p);
	}
}

/* Lines of a word, a tabulator and the rest. */
static void write_status(struct vv_greenlet *g, struct text *t, char *kernel)
{
	char *end;

	for (char *p = kernel; *p; p = end) {
		end = p + strcspn(p, "\n");
		end += *end == '\n';
		if (!strncmp(p, "Name:\t", 6)) {
			put_string(t, "Name:\t");
			put_string(t, g->name);
			put_string(t, "\n");
		} else if (!strncmp(p, "State:\t", 7)) {
			put_string(t, runs(g) ? "State:\tR (running)\n" : "State:\tS (sleeping)\n");
		} else if (!strncmp(p, "Pid:\t", 5)) {
			put_string(t, "Pid:\t");
			put_number(t, g->tid);
			put_string(t, "\n");
		} else {
			put(t, p, end - p);
		}
	}
}

static bool write_file(struct vv_greenlet *g, const char *file, struct text *t)
{
	char kernel[TEXT];
	bool stat = !strcmp(file, "stat");

	if (!strcmp(file, "comm")) {
		put_string(t, g->name);
		put_string(t, "\n");
		return true;
	}
	if ((!stat && strcmp(file, "status")) || !read_of_carrier(g, file, t, kernel))
		return false;
	(stat ? write_stat : write_status)(g, t, kernel);
	return true;
}

static long in_memory(const struct text *t, const char *name, int flags)
{
	long fd = vv__syscall(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);

	if (fd >= 0)
		vv__syscall(SYS_pwrite64, fd, t->at, t->n, 0);
	return fd;
}

static __attribute__((noinline)) long make(struct vv_greenlet *g, const char *file, int flags)
{
	struct text t = {.n = 0};

	return write_file(g, file, &t) ? in_memory(&t, file, flags) : -1;
}

/* Whatever is looked for in vain comes by here, on any stack: no room is taken before it is known to be a greenlet's. */
int vv__procfile_open(const char *path, int flags)
{
	struct vv_greenlet *g = NULL;
	const char *file;

	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT) && atomic_load(&vv__started))
		g = owner(path, &file);
	return g ? (int)make(g, file, flags) : -1;
}

/* ---- the process's own ---- */

/* A process whose main thread has ended still has that thread. */
static int count_one(struct vv_greenlet *g, void *count)
{
	uint8_t state = atomic_load(&g->state);

	if (g == vv__main_greenlet() || (!g->is_hub && state != VV__FREE && state != VV__DONE))
		++*(int *)count;
	return 0;
}

static const char *number_of_threads(const char *kernel, bool stat)
{
	const char *p = stat ? strrchr(kernel, ')') : strstr(kernel, "\nThreads:\t");

	if (!p || !stat)
		return p ? p + strlen("\nThreads:\t") : NULL;
	for (int field = STATE - 1; p && field < THREADS; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p;
}

static __attribute__((noinline)) long make_own(const char *path, const char *file)
{
	struct text t = {.n = 0};
	char kernel[TEXT];
	const char *p;
	int count = 0;

	p = read_kernels(path, kernel) ? number_of_threads(kernel, !strcmp(file, "stat")) : NULL;
	if (!p)
		return -1;
	vv__each(count_one, &count);
	put(&t, kernel, p - kernel);
	put_number(&t, count);
	put_string(&t, p + strspn(p, "0123456789"));
	return in_memory(&t, file, O_CLOEXEC);
}

int vv__procfile_own(const char *path)
{
	const char *p = path + strlen("/proc/"), *file = NULL;
	long n;

	if (strncmp(path, "/proc/", strlen("/proc/")) || !atomic_load(&vv__started))
		return -1;
	if (!strncmp(p, "self/", strlen("self/")))
		file = p + strlen("self/");
	else if ((p = past_number(p, "/", &n)) && n == vv__syscall(SYS_getpid))
		file = p;
	return file && (!strcmp(file, "stat") || !strcmp(file, "status")) ? (int)make_own(path, file) : -1;
}
