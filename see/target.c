/*
 * Finds libvervet.so in a process and copies its records with process_vm_readv. The process goes on meanwhile: a record
 * may change between two reads, and a list be re-linked under the walk, which is then repeated.
 */
#include "see.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 5, MOST = 4 << 20 };

ssize_t target_memory(const struct target *t, uintptr_t at, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)at, n};

	return process_vm_readv(t->pid, &local, 1, &remote, 1, 0);
}

static bool copy(const struct target *t, const void *at, void *to, size_t n)
{
	return target_memory(t, (uintptr_t)at, to, n) == (ssize_t)n;
}

int parse_pid(const char *command, char **words, int *pid)
{
	const char *text = words[0];
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 0;

	if (!text)
		return complain(VV__EXIT_FAILED, "%s: no process id given, see vervet(1)", command);
	if (!*text || *end || n <= 0 || n > INT32_MAX)
		return complain(VV__EXIT_FAILED, "%s: %s: not a process id", command, text);
	if (words[1])
		return complain(VV__EXIT_FAILED, "%s: %s: one process at a time", command, words[1]);
	*pid = (int)n;
	return 0;
}

/* ---- where vv_introspection is ---- */

static uintptr_t find_symbol(Elf *elf, const char *name)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Sym symbol;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM || !header.sh_entsize)
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; i < (int)(header.sh_size / header.sh_entsize); i++) {
			const char *found = gelf_getsym(data, i, &symbol)
						? elf_strptr(elf, header.sh_link, symbol.st_name)
						: NULL;

			if (found && !strcmp(found, name))
				return symbol.st_value;
		}
	}
	return 0;
}

/* The symbol's value in the file that is mapped at [from, to) of the process: by that mapping, for the file may have been
 * replaced since. */
static uintptr_t symbol_in_file(int pid, const char *range, const char *path)
{
	char name[PATH_MAX + 64];
	uintptr_t value = 0;
	Elf *elf;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/map_files/%s", pid, range);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(name, sizeof(name), "/proc/%d/root%s", pid, path);
		fd = open(name, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return 0;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf)
		value = find_symbol(elf, "vv_introspection");
	elf_end(elf);
	close(fd);
	return value;
}

/* Address of the table in the process, or 0. */
static uintptr_t find_table(int pid, FILE *maps)
{
	char line[PATH_MAX + 128], range[64];
	unsigned long low, offset;
	uintptr_t value = 0;
	int path;

	while (!value && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%63s %*s %lx %*s %*s %n", range, &offset, &path) < 2 || offset)
			continue;
		if (!strstr(line + path, "/libvervet.so"))
			continue;
		low = strtoul(range, NULL, 16);
		value = symbol_in_file(pid, range, line + path);
		value = value ? value + low : 0;
	}
	return value;
}

static int refuse(const struct target *t, int error)
{
	if (error == ESRCH || error == ENOENT)
		return complain(VV__EXIT_FAILED, "%d: no such process", t->pid);
	if (error == EPERM || error == EACCES)
		return complain(VV__EXIT_FAILED,
		    "%d: its memory may not be read; run vervet as its user or as root, see ptrace(2)",
		    t->pid);
	return complain(VV__EXIT_FAILED, "%d: %s", t->pid, strerror(error));
}

static void read_name(struct target *t)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", t->pid);
	f = fopen(path, "re");
	if (f && fgets(t->name, sizeof(t->name), f))
		t->name[strcspn(t->name, "\n")] = 0;
	if (f)
		fclose(f);
}

static bool is_ours(const struct vv__introspection *in)
{
	return in->size == sizeof *in && in->greenlet_size == sizeof(struct vv_greenlet) &&
	       in->hub_size == sizeof(struct vv__hub) && in->wait_size == sizeof(struct vv__wait) &&
	       in->stats_size == sizeof(struct vv__stats) && in->carrier_size == sizeof(struct vv__carrier) &&
	       in->unhooked_size == sizeof(struct vv__unhooked);
}

int target_find(struct target *t, int pid)
{
	char path[64];
	uintptr_t at;
	FILE *maps;

	*t = (struct target){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return refuse(t, errno);
	errno = 0;
	at = find_table(pid, maps);
	if (!at && ferror(maps))
		at = 0;
	fclose(maps);
	read_name(t);
	if (!at)
		return complain(
		    VV__EXIT_FAILED, "%d (%s): not patched, libvervet.so is not loaded in it", pid, t->name);
	if (target_memory(t, at, &t->in, sizeof(t->in)) != sizeof(t->in))
		return refuse(t, errno);
	if (memcmp(t->in.magic, VV__INTROSPECTION_MAGIC, sizeof(t->in.magic)) || !is_ours(&t->in))
		return complain(VV__EXIT_FAILED,
		    "%d (%s): runs with another version of libvervet.so than this command's", pid, t->name);
	return 0;
}

/* ---- the records ---- */

static void read_wait(const struct target *t, struct seen *s)
{
	s->waits = s->g.wait && copy(t, s->g.wait, &s->wait, sizeof(s->wait)) &&
		   atomic_load(&s->wait.state) == VV__QUEUED && (uintptr_t)s->wait.g == s->at;
	if (s->waits && s->wait.what &&
	    target_memory(t, (uintptr_t)s->wait.what, s->what, sizeof(s->what) - 1) < 0)
		s->what[0] = 0;
}

static int tid_of(const struct target *t, const struct vv_greenlet *g)
{
	struct vv__carrier c;

	if (g->foreign || !g->carrier || !t->hub.self.ctx.sp)
		return g->tid;
	return copy(t, g->carrier, &c, sizeof(c)) ? c.tid : 0;
}

static void complete(const struct target *t, struct seen *s)
{
	uint8_t state = atomic_load(&s->g.state);

	s->g.name[sizeof(s->g.name) - 1] = 0;
	s->owner = -1;
	read_wait(t, s);
	s->running = state == VV__RUNNING || state == VV__HOPPING;
	s->tid = s->running ? tid_of(t, &s->g) : 0;
}

static bool add(struct target *t, const struct seen *s, size_t *room)
{
	struct seen *more;

	if (t->n == *room) {
		more = realloc(t->all, (*room * 2 + 64) * sizeof(*more));
		if (!more)
			return false;
		t->all = more;
		*room = *room * 2 + 64;
	}
	t->all[t->n++] = *s;
	return true;
}

/* False if the list was changed under the walk so that its end was missed. */
static bool walk(struct target *t)
{
	struct vv_greenlet *p;
	struct seen s;
	size_t room = t->n;
	int live;

	t->n = 0;
	if (!copy(t, t->in.all, &p, sizeof(p)))
		return false;
	for (; p && t->n < MOST; p = s.g.all_next) {
		memset(&s, 0, sizeof(s));
		s.at = (uintptr_t)p;
		if (!copy(t, p, &s.g, sizeof(s.g)) || !s.g.id)
			return false;
		if (atomic_load(&s.g.state) == VV__FREE)
			return false;
		complete(t, &s);
		if (!add(t, &s, &room))
			return false;
	}
	return copy(t, t->in.live, &live, sizeof(live)) && t->n >= (size_t)live * 9 / 10;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct seen *)a)->g.id, y = ((const struct seen *)b)->g.id;

	return x < y ? -1 : x > y;
}

static int count_threads(int pid)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	if (!d)
		return 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

int target_read_hub(struct target *t)
{
	struct vv__carrier c = {.tid = 0};

	if (!copy(t, t->in.hub, &t->hub, sizeof(t->hub)) ||
	    !copy(t, t->in.stats, &t->stats, sizeof(t->stats)))
		return refuse(t, errno);
	if (t->hub.carrier && copy(t, t->hub.carrier, &c, sizeof(c)))
		t->hub_tid = c.tid;
	t->now = 0;
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	t->now = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	t->kernel_threads = count_threads(t->pid);
	return 0;
}

int target_read(struct target *t)
{
	int status;

	for (int i = 0; i < TRIES; i++) {
		status = target_read_hub(t);
		if (status)
			return status;
		if (walk(t))
			break;
		usleep(1000);
	}
	qsort(t->all, t->n, sizeof(*t->all), by_id);
	return 0;
}

void target_free(struct target *t)
{
	free(t->all);
	t->all = NULL;
	t->n = 0;
}

/* ---- who holds what others wait for ---- */

static int by_tid(const struct target *t, int tid)
{
	for (size_t i = 0; tid && i < t->n; i++)
		if (t->all[i].g.tid == tid)
			return (int)i;
	return -1;
}

static int owner_of(const struct target *t, const struct seen *s)
{
	pthread_rwlock_t rwlock;
	pthread_mutex_t mutex;

	if (!s->waits || s->wait.kind != VV__WAIT_ADDRESS)
		return -1;
	if (!strcmp(s->what, "mutex") && copy(t, s->wait.key, &mutex, sizeof(mutex)))
		return by_tid(t, mutex.__data.__owner);
	if (!strncmp(s->what, "rwlock", 6) && copy(t, s->wait.key, &rwlock, sizeof(rwlock)))
		return by_tid(t, rwlock.__data.__cur_writer);
	if (!strcmp(s->what, "thread"))
		for (size_t i = 0; i < t->n; i++)
			if (t->all[i].at + offsetof(struct vv_greenlet, joiner) == (uintptr_t)s->wait.key)
				return (int)i;
	return -1;
}

/* Everybody waits for one at most, so a walk from each ends, or comes back to where it has been in the same walk. */
void target_locks(struct target *t)
{
	int *mark = calloc(t->n + 1, sizeof(*mark));

	for (size_t i = 0; i < t->n; i++)
		t->all[i].owner = owner_of(t, &t->all[i]);
	for (size_t i = 0; mark && i < t->n; i++) {
		int j = (int)i, walk = (int)i + 1;

		while (j >= 0 && !mark[j]) {
			mark[j] = walk;
			j = t->all[j].owner;
		}
		if (j < 0 || mark[j] != walk)
			continue;
		t->cycles++;
		for (int k = j; !t->all[k].cycle; k = t->all[k].owner)
			t->all[k].cycle = t->cycles;
	}
	free(mark);
}
