/* Every reading and writing call of streams on pipes whose other end is slow: pieces of odd sizes, pauses, a full pipe.
 * What arrives, what the calls return, and the streams' flags are the same however it arrives. */
/* vervet-timeout: 60 */
#include "check.h"

#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <wchar.h>

static const char text[] =
    "first line\nsecond 12 3.5 word\n\n  x=7,y=8\nlonger line without anything in it at all\nlast, no end";

static void *feed(void *arg)
{
	int fd = (int)(long)arg;
	size_t n = sizeof(text) - 1;

	for (size_t at = 0, piece = 1; at < n; at += piece, piece = piece % 7 + 2) {
		size_t k = piece < n - at ? piece : n - at;
		expect(write(fd, text + at, k) == (ssize_t)k);
		sleep_ms(1);
	}
	close(fd);
	return NULL;
}

static FILE *slow_text(pthread_t *feeder)
{
	int p[2];

	expect(!pipe(p));
	*feeder = start(feed, (void *)(long)p[1]);
	return fdopen(p[0], "r");
}

static void show(const char *how, const char *s, long n)
{
	printf("%s %ld \"", how, n);
	for (; *s; s++)
		printf(*s == '\n' ? "\\n" : "%c", *s);
	printf("\"\n");
}

static void flags(FILE *f)
{
	printf("eof %d error %d\n", !!feof(f), !!ferror(f));
}

static void by_fgets(FILE *f)
{
	char line[30];

	while (fgets(line, sizeof(line), f))
		show("fgets", line, strlen(line));
}

static void by_fgets_unlocked(FILE *f)
{
	char line[12];

	while (fgets_unlocked(line, sizeof(line), f))
		show("fgets_unlocked", line, strlen(line));
}

static void by_getline(FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, f)) >= 0) {
		show("getline", line, n);
		printf("room %zu\n", size);
	}
	free(line);
}

static void by_getdelim(FILE *f)
{
	char *part = malloc(2);
	size_t size = 2;
	ssize_t n;

	while ((n = getdelim(&part, &size, ' ', f)) >= 0)
		show("getdelim", part, n);
	free(part);
}

static void by_fread(FILE *f)
{
	char block[20];
	size_t n;

	while ((n = fread(block, 1, 19, f)) > 0) {
		block[n] = 0;
		show("fread", block, n);
	}
}

static void by_fread_items(FILE *f)
{
	char block[81] = {0};
	size_t n = fread_unlocked(block, 7, 5, f);

	show("fread_unlocked", block, n);
	memset(block, 0, sizeof(block));
	n = fread(block, 40, 1, f);
	show("one", block, n);
	n = fread(block, 40, 2, f);
	printf("rest: %zu items\n", n);
}

static void by_chars(FILE *f)
{
	char all[200];
	int n = 0, c;

	while ((c = n % 3 == 0 ? getc(f) : n % 3 == 1 ? fgetc(f) : getc_unlocked(f)) != EOF)
		all[n++] = c;
	all[n] = 0;
	show("getc", all, n);
	printf("again: %d\n", getc(f));
}

static void by_ungetc(FILE *f)
{
	char line[100];
	int c = getc(f);

	ungetc('Z', f);
	show("after ungetc", fgets(line, sizeof(line), f), c);
	ungetc('\n', f);
	ungetc('q', f);
	show("after two", fgets(line, sizeof(line), f), strlen(line));
	show("and on", fgets(line, sizeof(line), f), strlen(line));
	by_chars(f);
}

static void by_scanf(FILE *f)
{
	char a[50], b[50];
	int i, n;
	double d;

	n = fscanf(f, "%49s %49s", a, b);
	printf("fscanf %d %s %s\n", n, a, b);
	n = fscanf(f, "%49s %d %lf %49s", a, &i, &d, b);
	printf("fscanf %d %s %d %.2f %s\n", n, a, i, d, b);
	n = fscanf(f, " x=%d,y=%d", &i, &n);
	printf("fscanf %d\n", i);
	n = fscanf(f, " %49[^\n]", a);
	printf("fscanf %d %s\n", n, a);
	n = fscanf(f, "%d", &i);
	printf("no number: %d\n", n);
	n = fscanf(f, "%*[^~]%49s", a);
	printf("end: %d\n", n);
}

static void by_wide(FILE *f)
{
	wchar_t line[50];
	wint_t c = fgetwc(f);

	ungetwc(c, f);
	while (fgetws(line, 50, f))
		printf("fgetws %zu %ls\n", wcslen(line), line);
}

static void unbuffered(FILE *f)
{
	char line[40];

	setvbuf(f, NULL, _IONBF, 0);
	expect(fgets(line, sizeof(line), f));
	show("unbuffered", line, strlen(line));
	by_fread(f);
}

static void line_buffered(FILE *f)
{
	setvbuf(f, NULL, _IOLBF, 100);
	by_fgets(f);
}

static void small_buffer(FILE *f)
{
	static char room[8];

	setvbuf(f, room, _IOFBF, sizeof(room));
	by_fread(f);
}

static const struct {
	const char *name;
	void (*read)(FILE *);
} readers[] = {{"fgets", by_fgets}, {"fgets_unlocked", by_fgets_unlocked}, {"getline", by_getline},
    {"getdelim", by_getdelim}, {"fread", by_fread}, {"items", by_fread_items}, {"chars", by_chars},
    {"ungetc", by_ungetc}, {"scanf", by_scanf}, {"wide", by_wide}, {"unbuffered", unbuffered},
    {"line buffered", line_buffered}, {"small buffer", small_buffer}};

/* ---- writing ---- */

static void *drain(void *arg)
{
	int fd = (int)(long)arg;
	unsigned long sum = 0, n = 0;
	unsigned char block[3000];
	ssize_t r;

	sleep_ms(5);
	while ((r = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < r; i++)
			sum = sum * 31 + block[i];
		n += r;
	}
	close(fd);
	printf("arrived %lu bytes, sum %lu\n", n, sum);
	return NULL;
}

static int print_list(FILE *f, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vfprintf(f, format, ap);
	va_end(ap);
	return n;
}

static void narrow(FILE *f)
{
	static char block[70000];
	long n = 0;

	memset(block, 'b', sizeof(block));
	for (int i = 0; i < 1500; i++) {
		n += fprintf(f, "line %d %s\n", i, "with some text in it");
		n += fputs("fputs\n", f) >= 0;
		n += putc('c', f) + fputc('d', f) + putc_unlocked('e', f);
		n += fwrite(text, 3, 7, f);
		n += print_list(f, "%d %d\n", i, i);
		if (i % 500 == 0)
			n += fwrite(block, 1, sizeof(block), f);
		if (i % 100 == 0)
			n += fflush(f);
	}
	printf("results %ld\n", n);
}

static void wide(FILE *f)
{
	long n = 0;

	for (int i = 0; i < 3000; i++) {
		n += fwprintf(f, L"wide %d\n", i);
		n += fputws(L"fputws and more\n", f) >= 0;
		n += fputwc(L'w', f);
	}
	printf("results %ld\n", n);
}

static void write_all(const char *name, void (*fill)(FILE *), int mode)
{
	pthread_t drainer;
	FILE *f;
	int p[2];

	printf("-- %s\n", name);
	expect(!pipe(p));
	drainer = start(drain, (void *)(long)p[0]);
	f = fdopen(p[1], "w");
	setvbuf(f, NULL, mode, mode == _IOFBF ? 4096 : 0);
	fill(f);
	int r = fclose(f);
	join(drainer);
	printf("closed: %d\n", r);
}

static void by_descriptor(void)
{
	pthread_t drainer;
	long n = 0;
	int p[2];

	expect(!pipe(p));
	drainer = start(drain, (void *)(long)p[0]);
	for (int i = 0; i < 6000; i++)
		n += dprintf(p[1], "dprintf %d to a descriptor\n", i);
	printf("results %ld\n", n);
	close(p[1]);
	join(drainer);
}

int main(void)
{
	setlocale(LC_ALL, "C.UTF-8");
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		pthread_t feeder;
		FILE *f = slow_text(&feeder);

		printf("-- %s\n", readers[i].name);
		readers[i].read(f);
		flags(f);
		join(feeder);
		fclose(f);
	}
	write_all("fully buffered", narrow, _IOFBF);
	write_all("line buffered", narrow, _IOLBF);
	write_all("unbuffered", narrow, _IONBF);
	write_all("wide", wide, _IOFBF);
	by_descriptor();
	return 0;
}
