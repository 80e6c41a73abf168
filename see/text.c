/*
 * The state of greenlets and hub in words.
 */
#include "see.h"

#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

static const char *const syscalls[] = {
#include "syscalls.h"
};

const char *state_word(const struct target *t, const struct seen *s)
{
	switch (atomic_load(&((struct seen *)s)->g.state)) {
	case VV__RUNNABLE:
		return "runnable";
	case VV__RUNNING:
	case VV__HOPPING:
		if (s->waits && s->g.native)
			return "parked";
		return s->g.native && s->g.hopped ? "hopping" : "running";
	case VV__PARKED:
		return "parked";
	case VV__DONE:
		return "ended";
	}
	return "free";
}

void duration_text(int64_t ns, char text[32])
{
	if (ns < 0)
		ns = 0;
	if (ns < 10000000)
		snprintf(text, 32, "%.2f ms", (double)ns / 1e6);
	else if (ns < 1000000000)
		snprintf(text, 32, "%.0f ms", (double)ns / 1e6);
	else if (ns < 120000000000)
		snprintf(text, 32, "%.1f s", (double)ns / 1e9);
	else if (ns < 7200000000000)
		snprintf(text, 32, "%.0f min", (double)ns / 60e9);
	else
		snprintf(text, 32, "%.1f h", (double)ns / 3600e9);
}

void greenlet_label(const struct seen *s, char text[64])
{
	snprintf(text, 64, "greenlet %lu%s%s%s", (unsigned long)s->g.id, s->g.name[0] ? " (" : "", s->g.name,
	    s->g.name[0] ? ")" : "");
}

struct call present_call(const struct target *t, int tid)
{
	struct call c = {.known = false};
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", t->pid, tid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		c.known = sscanf(line, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &c.number, &c.args[0],
			      &c.args[1], &c.args[2], &c.args[3], &c.args[4], &c.args[5], &c.sp, &c.pc) == 9;
	if (f)
		fclose(f);
	return c;
}

const char *call_name(long number)
{
	bool known = number >= 0 && (size_t)number < sizeof(syscalls) / sizeof(*syscalls) && syscalls[number];

	return known ? syscalls[number] : "a system call";
}

/* True if the first argument of system call `number` is a descriptor: those that block most. */
static bool takes_descriptor(const char *name)
{
	static const char *const names[] = {"read", "write", "readv", "writev", "pread64", "pwrite64",
	    "fsync", "fdatasync", "flock", "fcntl", "ioctl", "accept", "accept4", "connect", "recvfrom",
	    "recvmsg", "sendto", "sendmsg", "epoll_wait", "epoll_pwait", "mq_timedreceive", "mq_timedsend",
	    "recvmmsg"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void running_text(const struct target *t, const struct seen *s, char *text, size_t n)
{
	struct call c = present_call(t, s->tid);
	const char *name = call_name(c.number);
	char fd[TEXT / 2] = "";

	if (!c.known || c.number < 0) {
		snprintf(text, n, "on kernel thread %d", s->tid);
		return;
	}
	if (takes_descriptor(name))
		descriptor_text(t, (int)c.args[0], fd, sizeof(fd));
	snprintf(text, n, "in %s%s%s on kernel thread %d", name, *fd ? ": " : "", fd, s->tid);
}

static void fds_text(const struct target *t, const struct seen *s, char *text, size_t n)
{
	struct vv__fd_node node = s->wait.node1;
	bool single = (uintptr_t)s->wait.nodes == (uintptr_t)s->g.wait + offsetof(struct vv__wait, node1);
	char fd[TEXT - 256];
	const char *direction;

	if (!single && target_memory(t, (uintptr_t)s->wait.nodes, &node, sizeof(node)) != sizeof(node))
		node.fd = -1;
	if (node.fd < 0) {
		snprintf(text, n, "%s", s->what);
		return;
	}
	descriptor_text(t, node.fd, fd, sizeof(fd));
	direction = !strcmp(s->what, "read") || !strncmp(s->what, "recv", 4)	? "from"
		    : !strcmp(s->what, "write") || !strncmp(s->what, "send", 4) ? "to"
		    : node.events & POLLOUT && !(node.events & POLLIN)		? "to write,"
										: "on";
	if (s->wait.nnodes > 1)
		snprintf(text, n, "%.16s %s %s and %u more", s->what, direction, fd, s->wait.nnodes - 1);
	else
		snprintf(text, n, "%.16s %s %s", s->what, direction, fd);
}

static void address_wait_text(const struct target *t, const struct seen *s, char *text, size_t n)
{
	char owner[64];

	if (s->owner >= 0)
		greenlet_label(&t->all[s->owner], owner);
	if (s->owner >= 0 && !strcmp(s->what, "thread"))
		snprintf(text, n, "waits for the end of %s", owner);
	else
		snprintf(text, n, "waits for %s %p%s%s", s->what[0] ? s->what : "address", s->wait.key,
		    s->owner >= 0 ? " held by " : "", s->owner >= 0 ? owner : "");
}

static void wait_text(const struct target *t, const struct seen *s, char *text, size_t n)
{
	char left[32], what[TEXT - 160];

	if (s->wait.kind == VV__WAIT_FDS)
		fds_text(t, s, what, sizeof(what));
	else if (s->wait.kind == VV__WAIT_ADDRESS)
		address_wait_text(t, s, what, sizeof(what));
	else
		snprintf(what, sizeof(what), "%s", s->what[0] ? s->what : "sleep");
	if (s->wait.deadline == VV__FOREVER) {
		snprintf(text, n, "%s", what);
		return;
	}
	duration_text(s->wait.deadline - t->now, left);
	snprintf(text, n, "%s, %s left", what, left);
}

void state_text(const struct target *t, const struct seen *s, char text[TEXT])
{
	const char *word = state_word(t, s);
	char since[32], what[TEXT - 80];

	if (s->waits && strcmp(word, "running")) {
		duration_text(t->now - s->wait.since, since);
		wait_text(t, s, what, sizeof(what));
		if (!strcmp(word, "runnable"))
			snprintf(text, TEXT, "runnable: was in %s", what);
		else
			snprintf(text, TEXT, "%s %s: %s", word, since, what);
	} else if (s->running && s->tid) {
		running_text(t, s, what, sizeof(what));
		snprintf(
		    text, TEXT, "%s%s %s", word, s->g.away && !s->g.hopped ? " (handed over)" : "", what);
	} else {
		snprintf(text, TEXT, "%s", word);
	}
}

void hub_text(const struct target *t, char text[TEXT])
{
	struct vv_greenlet *running = atomic_load(&((struct target *)t)->hub.running);
	char label[64];

	if (!t->hub_tid) {
		snprintf(text, TEXT, "no hub: it has made no thread");
		return;
	}
	if (atomic_load(&((struct target *)t)->hub.sleeping))
		snprintf(text, TEXT, "hub waits for events on kernel thread %d", t->hub_tid);
	else
		snprintf(text, TEXT, "hub at work on kernel thread %d", t->hub_tid);
	for (size_t i = 0; running && i < t->n; i++)
		if (t->all[i].at == (uintptr_t)running) {
			greenlet_label(&t->all[i], label);
			snprintf(text, TEXT, "hub runs %s on kernel thread %d", label, t->hub_tid);
		}
}
