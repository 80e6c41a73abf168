/* A stream's lock is a thread's, whatever it waits for meanwhile: lines of several threads are never mixed, flockfile
 * nests, a reader that waits holds its stream, ftrylockfile says so. Streams of the program's own functions may block
 * in them. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { THREADS = 8, LINES = 200 };

static FILE *shared;

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		flockfile(shared);
		fprintf(shared, "thread %ld ", (long)arg);
		if (i % 10 == 0)
			sched_yield();
		flockfile(shared);
		fputs("says ", shared);
		funlockfile(shared);
		if (i % 20 == 0)
			sleep_ms(1);
		putc_unlocked('x', shared);
		fprintf(shared, " %d\n", i);
		funlockfile(shared);
	}
	return NULL;
}

static void *close_shared(void *arg)
{
	pthread_t *t = arg;

	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	fclose(shared);
	return NULL;
}

static void whole_lines(void)
{
	pthread_t t[THREADS], closer;
	int p[2], next[THREADS] = {0}, good = 0, who, n;
	char line[100];
	FILE *in;

	expect(!pipe(p));
	shared = fdopen(p[1], "w");
	setvbuf(shared, NULL, _IOFBF, 100);
	in = fdopen(p[0], "r");
	for (long i = 0; i < THREADS; i++)
		t[i] = start(write_lines, (void *)i);
	closer = start(close_shared, t);
	while (fgets(line, sizeof(line), in))
		good += sscanf(line, "thread %d says x %d\n", &who, &n) == 2 && next[who]++ == n;
	join(closer);
	fclose(in);
	printf("whole lines in order: %d of %d\n", good, THREADS * LINES);
}

static void *read_line(void *arg)
{
	static char line[100];

	return fgets(line, sizeof(line), arg);
}

static void *ask_eof(void *arg)
{
	return (void *)(long)!!feof(arg);
}

static void *read_char(void *arg)
{
	return (void *)(long)getc(arg);
}

static void waiting_reader(void)
{
	pthread_t reader, asker, second;
	int p[2];
	FILE *in;

	expect(!pipe(p));
	in = fdopen(p[0], "r");
	reader = start(read_line, in);
	let_block();
	printf("a reader waits: ftrylockfile %s\n", ftrylockfile(in) ? "refused" : "granted");
	asker = start(ask_eof, in);
	second = start(read_char, in);
	let_block();
	expect(write(p[1], "all of it\nX", 11) == 11);
	printf("line: %s", (char *)join(reader));
	printf("second reader: %c\n", (int)(long)join(second));
	printf("feof waited: %ld\n", (long)join(asker));
	printf("free again: ftrylockfile %s\n", ftrylockfile(in) ? "refused" : "granted");
	funlockfile(in);
	fclose(in);
	close(p[1]);
}

/* ---- functions of the program's own ---- */

static ssize_t cookie_read(void *cookie, char *to, size_t n)
{
	int *fd = cookie;

	sleep_ms(1);
	return read(*fd, to, n < 5 ? n : 5);
}

static ssize_t cookie_write(void *cookie, const char *from, size_t n)
{
	int *fd = cookie;

	sleep_ms(1);
	return write(*fd, from, n);
}

static int cookie_close(void *cookie)
{
	return close(*(int *)cookie);
}

static void *answer(void *arg)
{
	int fd = (int)(long)arg;
	char c;

	while (read(fd, &c, 1) == 1) {
		sleep_ms(1);
		c += c >= 'a' && c <= 'z' ? 'A' - 'a' : 0;
		expect(write(fd, &c, 1) == 1);
	}
	close(fd);
	return NULL;
}

static void own_functions(void)
{
	cookie_io_functions_t io = {cookie_read, cookie_write, NULL, cookie_close};
	int p[2];
	char line[100];
	pthread_t t;
	FILE *f;

	expect(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	t = start(answer, (void *)(long)p[1]);
	f = fopencookie(&p[0], "r+", io);
	fprintf(f, "loud and clear\n");
	fflush(f);
	expect(fgets(line, sizeof(line), f));
	printf("cookie: %s", line);
	tell(fclose(f));
	join(t);
}

/* ---- both directions, own blocking mode, fifos ---- */

static void request_and_answer(void)
{
	int p[2];
	char line[100];
	pthread_t t;
	FILE *f;

	expect(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	t = start(answer, (void *)(long)p[1]);
	f = fdopen(p[0], "r+");
	for (int i = 0; i < 3; i++) {
		fprintf(f, "request %d\n", i);
		expect(fgets(line, sizeof(line), f));
		printf("%s", line);
	}
	fclose(f);
	join(t);
}

static void not_blocking(void)
{
	int p[2];
	char line[10];
	FILE *f;

	expect(!pipe2(p, O_NONBLOCK));
	f = fdopen(p[0], "r");
	errno = 0;
	printf("nothing there: %s", fgets(line, sizeof(line), f) ? "line" : "null");
	printf(" %s error %d\n", errno_name(errno), !!ferror(f));
	printf("getc: %d\n", getc(f));
	clearerr(f);
	expect(write(p[1], "ok\n", 3) == 3);
	printf("then: %s", fgets(line, sizeof(line), f));
	fclose(f);
	f = fdopen(p[1], "w");
	signal(SIGPIPE, SIG_IGN);
	tell(fputs("nobody reads\n", f));
	tell(fflush(f));
	printf("error %d\n", !!ferror(f));
	fclose(f);
}

static void *write_fifo(void *arg)
{
	FILE *f;

	let_block();
	f = fopen(arg, "w");
	fprintf(f, "through a named pipe\n");
	fclose(f);
	return NULL;
}

static void named_pipe(void)
{
	char path[] = "/tmp/fifo-XXXXXX", line[100];
	pthread_t t;
	FILE *f;

	close(mkstemp(path));
	unlink(path);
	expect(!mkfifo(path, 0600));
	t = start(write_fifo, path);
	f = fopen(path, "r");
	expect(f && fgets(line, sizeof(line), f));
	printf("%s", line);
	join(t);
	t = start(write_fifo, path);
	f = freopen(path, "r", f);
	expect(f && fgets(line, sizeof(line), f));
	printf("again %s", line);
	join(t);
	fclose(f);
	unlink(path);
}

int main(void)
{
	whole_lines();
	waiting_reader();
	own_functions();
	request_and_answer();
	not_blocking();
	named_pipe();
	return 0;
}
