/*
 * vervet metrics PID: counters and gauges in the Prometheus text format; once, or served until the process ends, in a file
 * that is replaced every second or on a Unix socket (VERVET_METRICS starts that). The process itself does nothing for it.
 */
#include "see.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void metric(
    FILE *out, const struct target *t, const char *name, const char *type, const char *help, double value)
{
	fprintf(out, "# HELP vervet_%s %s\n# TYPE vervet_%s %s\nvervet_%s{pid=\"%d\",program=", name, help,
	    name, type, name, t->pid);
	json_string(out, t->name);
	fprintf(out, "} %.9g\n", value);
}

#define COUNTER(name, field, help)                                                                           \
	metric(                                                                                              \
	    out, t, name "_total", "counter", help, (double)atomic_load(&((struct target *)t)->stats.field))

static void print_states(FILE *out, const struct target *t)
{
	static const char *const words[] = {"running", "runnable", "parked", "hopping", "ended"};

	fputs("# HELP vervet_greenlets Greenlets by state.\n# TYPE vervet_greenlets gauge\n", out);
	for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
		unsigned n = 0;

		for (size_t i = 0; i < t->n; i++)
			n += !strcmp(state_word(t, &t->all[i]), words[w]);
		fprintf(out, "vervet_greenlets{pid=\"%d\",program=", t->pid);
		json_string(out, t->name);
		fprintf(out, ",state=\"%s\"} %u\n", words[w], n);
	}
}

static void print_metrics(FILE *out, const struct target *t)
{
	print_states(out, t);
	COUNTER("greenlets_created", created, "Greenlets made.");
	COUNTER("greenlets_ended", ended, "Greenlets ended.");
	COUNTER("switches", switches, "Greenlets resumed.");
	COUNTER("parks", parks, "Waits begun.");
	COUNTER("hops", hops, "Blocking calls made on a kernel thread of their own.");
	COUNTER("handovers", handovers, "Times the hub was taken from a greenlet that kept it.");
	COUNTER("rejoins", rejoins, "Returns of greenlets to the hub.");
	COUNTER("loops", loops, "Looks at events.");
	COUNTER("shells", shells, "Stacks with thread-local storage made.");
	COUNTER("recycled", recycled, "Shells used again.");
	metric(out, t, "run_queue_length", "gauge", "Greenlets ready to run.",
	    (double)atomic_load(&((struct target *)t)->hub.ready));
	metric(out, t, "kernel_threads", "gauge", "Kernel threads of the process.", t->kernel_threads);
	metric(out, t, "longest_stall_seconds", "gauge",
	    "Longest time for which one greenlet kept the hub from others.",
	    (double)atomic_load(&((struct target *)t)->stats.longest_stall_ns) / 1e9);
}

/* The text, to be freed, or null if the process is not there any more, or not patched. */
static char *metrics_text(int pid, size_t *len)
{
	char why[VV__COMPLAINT], *text = NULL;
	struct target t;
	FILE *out;
	int status;

	complaint = why;
	status = target_find(&t, pid);
	if (!status)
		status = target_read(&t);
	complaint = NULL;
	out = status ? NULL : open_memstream(&text, len);
	if (out) {
		print_metrics(out, &t);
		fclose(out);
	}
	if (!status)
		target_free(&t);
	return text;
}

/* ---- serving ---- */

static bool write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = send(fd, p, n, MSG_NOSIGNAL);

		if (r < 0 && errno == ENOTSOCK)
			r = write(fd, p, n);
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

/* A client of HTTP asks first; anybody else gets the text as it is. */
static void answer(int fd, int pid)
{
	static const char header[] =
	    "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n";
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char request[4096];
	size_t n;
	char *text = metrics_text(pid, &n);

	if (text && poll(&p, 1, 100) > 0 && recv(fd, request, sizeof(request), 0) > 4 &&
	    !memcmp(request, "GET ", 4))
		write_all(fd, header, sizeof(header) - 1);
	if (text)
		write_all(fd, text, n);
	free(text);
}

/* The name is free, or of what we may replace. */
static int may_replace(const char *path, mode_t kind)
{
	struct stat st;

	if (lstat(path, &st) || (st.st_mode & S_IFMT) == kind)
		return 0;
	return complain(VV__EXIT_FAILED, "metrics: %s: is there and no %s, it is left alone", path,
	    kind == S_IFREG ? "file" : "socket");
}

static bool somebody_serves(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool serves = connect(fd, (const void *)address, sizeof(*address)) == 0;

	close(fd);
	return serves;
}

static int serve_socket(const char *path, int pid, int process)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pollfd p[2] = {{.fd = process, .events = POLLIN}, {.events = POLLIN}};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return complain(VV__EXIT_FAILED, "metrics: %s: too long for a socket's name", path);
	strcpy(address.sun_path, path);
	if (may_replace(path, S_IFSOCK))
		return VV__EXIT_FAILED;
	if (somebody_serves(&address))
		return 0;
	unlink(path);
	p[1].fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p[1].fd, (const void *)&address, sizeof(address)) || listen(p[1].fd, 16))
		return complain(VV__EXIT_FAILED, "metrics: %s: %m", path);
	while (poll(p, 2, -1) >= 0 && !p[0].revents) {
		fd = accept4(p[1].fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			answer(fd, pid);
			close(fd);
		}
	}
	unlink(path);
	return 0;
}

/* Write the text beside the file, then put it in its place: a reader sees all of it or all of the last. */
static bool replace_file(const char *path, const char *fresh, const char *text, size_t n)
{
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bool written = fd >= 0 && write_all(fd, text, n);

	return !(fd >= 0 && close(fd)) && written && !rename(fresh, path);
}

/* Every second, until the process has ended. What goes wrong is said once, since a full disk may have room again. */
static void keep_file(const char *path, const char *fresh, int pid, int process)
{
	struct pollfd p = {.fd = process, .events = POLLIN};
	bool said = false;
	char *text;
	size_t n;

	do {
		text = metrics_text(pid, &n);
		if (text && !replace_file(path, fresh, text, n) && !said)
			said = complain(true, "metrics: %s: %m", path);
		free(text);
	} while (text && poll(&p, 1, 1000) == 0);
}

static int serve_file(const char *path, int pid, int process)
{
	char fresh[PATH_MAX], lock[PATH_MAX];
	int locked;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= PATH_MAX ||
	    snprintf(lock, sizeof(lock), "%s.lock", path) >= PATH_MAX)
		return complain(VV__EXIT_FAILED, "metrics: %s: name too long", path);
	if (may_replace(path, S_IFREG))
		return VV__EXIT_FAILED;
	locked = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (locked < 0)
		return complain(VV__EXIT_FAILED, "metrics: %s: %m", lock);
	if (flock(locked, LOCK_EX | LOCK_NB))
		return 0;
	keep_file(path, fresh, pid, process);
	unlink(fresh);
	unlink(path);
	unlink(lock);
	return 0;
}

static int serve(const char *where, int pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* whatever ends the process, we are there to clear up */
	if (process < 0)
		return complain(VV__EXIT_FAILED, "%d: %m", pid);
	return strncmp(where, "unix:", 5) ? serve_file(where, pid, process)
					  : serve_socket(where + 5, pid, process);
}

int metrics_command(int argc, char **argv)
{
	static const struct option all[] = {{"serve", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	const char *where = NULL;
	struct target t;
	int c, pid, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c == '?')
			return complain(VV__EXIT_FAILED,
			    "metrics: %s: unknown option or a value is missing, see vervet(1)",
			    argv[optind - 1]);
		where = optarg;
	}
	status = parse_pid("metrics", argv + optind, &pid);
	if (!status && where)
		return serve(where, pid);
	if (!status)
		status = target_find(&t, pid);
	if (!status)
		status = target_read(&t);
	if (status)
		return status;
	print_metrics(stdout, &t);
	if (fflush(stdout) || ferror(stdout))
		return complain(VV__EXIT_FAILED, "standard output: %m");
	return 0;
}
