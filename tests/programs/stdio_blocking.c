/*
 * stdio on pipes and sockets: a stream that waits holds up no other thread; its lock works between threads; buffers
 * are flushed by fclose and exit.
 */
#include "net.h"

#include <sys/wait.h>
#include <wchar.h>

static FILE *in[2], *out[2];

static void *echo_lines(void *arg)
{
	int i = (int)(long)arg;
	char line[200];

	while (fgets(line, sizeof line, in[i]))
		expect(fprintf(out[!i], "%d echoes %s", i, line) > 0 && fflush(out[!i]) == 0);
	expect(feof(in[i]));
	return NULL;
}

/* Two ends talk through stdio; the other one is always waiting. */
static void conversation(void)
{
	char *line = NULL;
	size_t size = 0;
	pthread_t t;
	int s[2];

	unix_pair(SOCK_STREAM, s);
	in[1] = fdopen(s[1], "r");
	out[0] = fdopen(dup(s[1]), "w");
	in[0] = fdopen(s[0], "r");
	out[1] = fdopen(dup(s[0]), "w");
	t = start(echo_lines, (void *)1L);
	for (int i = 0; i < 50; i++) {
		expect(fprintf(out[1], "line %d\n", i) > 0);
		expect(fflush(out[1]) == 0);
		expect(getline(&line, &size, in[0]) > 0);
		if (i % 10 == 0)
			printf("%s", line);
	}
	shutdown(fileno(out[1]), SHUT_WR);
	join(t);
	free(line);
	for (int i = 0; i < 2; i++) {
		fclose(in[i]);
		fclose(out[i]);
	}
}

static void *feed(void *arg)
{
	const char *text = "12 abc 3.5\nxyz\n@ wide\nrest of it";

	for (const char *p = text; *p; p++) {
		if (p - text < 20)
			sleep_ms(1);
		expect(write(*(int *)arg, p, 1) == 1);
	}
	close(*(int *)arg);
	return NULL;
}

static void every_reader(void)
{
	char word[20], buf[10];
	wchar_t wide[20];
	double number;
	pthread_t t;
	int n, p[2];
	FILE *f;

	expect(pipe(p) == 0);
	f = fdopen(p[0], "r");
	t = start(feed, &p[1]);
	expect(fscanf(f, "%d %19s %lf", &n, word, &number) == 3);
	printf("%d %s %.1f\n", n, word, number);
	expect(getc(f) == '\n' && fgetc(f) == 'x');
	expect(ungetc('w', f) == 'w');
	expect(fgets(word, sizeof word, f));
	printf("%s", word);
	expect(getc_unlocked(f) == '@');
	expect(fread(buf, 1, 6, f) == 6);
	printf("%.6s", buf);
	expect(fread(buf, 1, 9, f) == 9);
	printf("%.9s %d\n", buf, getc(f));
	join(t);
	fclose(f);

	expect(pipe(p) == 0);
	f = fdopen(p[0], "r");
	t = start(feed, &p[1]);
	expect(fgetws(wide, 20, f) && wide[0] == L'1');
	expect(getwc(f) == L'x');
	join(t);
	fclose(f);
}

static void *drain(void *arg)
{
	static char buf[1000];
	long total = 0;
	ssize_t n;

	while ((n = read(*(int *)arg, buf, sizeof buf)) > 0)
		total += n;
	return (void *)total;
}

/* Writers that fill the pipe wait; lines of several threads are not torn. */
static FILE *shared;

static void *write_lines(void *arg)
{
	for (int i = 0; i < 400; i++)
		expect(fprintf(shared, "%ld%ld%ld%ld%ld%ld%ld%ld\n", (long)arg, (long)arg, (long)arg,
			   (long)arg, (long)arg, (long)arg, (long)arg, (long)arg) == 9);
	return NULL;
}

static void writers(void)
{
	static char big[500000];
	pthread_t t[5];
	char line[20];
	int p[2], lines = 0;
	FILE *f;

	expect(pipe(p) == 0);
	f = fdopen(p[1], "w");
	t[0] = start(drain, &p[0]);
	expect(fwrite(big, 1, sizeof big, f) == sizeof big);
	expect(fputs("end", f) >= 0 && putc('.', f) == '.');
	expect(fclose(f) == 0);
	printf("drained %ld\n", (long)join(t[0]));

	expect(pipe(p) == 0);
	shared = fdopen(p[1], "w");
	f = fdopen(p[0], "r");
	for (long i = 0; i < 4; i++)
		t[i] = start(write_lines, (void *)(i + 1));
	for (; lines < 1600 - 300; lines++) {
		expect(fgets(line, sizeof line, f));
		for (int i = 1; i < 8; i++)
			expect(line[i] == line[0]);
	}
	for (int i = 0; i < 4; i++)
		join(t[i]);
	fclose(shared);
	while (fgets(line, sizeof line, f))
		lines++;
	printf("lines %d\n", lines);
}

static void *holds_lock(void *arg)
{
	flockfile(stdout);
	printf("first ");
	turn_set(arg, 1);
	sleep_ms(10);
	printf("second ");
	funlockfile(stdout);
	return NULL;
}

/* A reader that waits on a stream does not keep others from theirs. */
static void *stuck(void *arg)
{
	return (void *)(long)fgetc(arg);
}

int main(void)
{
	static struct turn turn = TURN;
	pthread_t t;
	int p[2];
	FILE *f;

	conversation();
	every_reader();
	writers();
	t = start(holds_lock, &turn);
	turn_wait(&turn, 1);
	printf("third\n");
	join(t);
	expect(pipe(p) == 0);
	f = fdopen(p[0], "r");
	t = start(stuck, f);
	let_block();
	printf("not held up\n");
	expect(write(p[1], "k", 1) == 1);
	printf("%c\n", (char)(long)join(t));
	expect(ftrylockfile(f) == 0);
	funlockfile(f);
	printf("left for exit to flush");
	return 0;
}
