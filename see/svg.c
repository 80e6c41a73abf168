/*
 * Draws the JSON that a traced program has written: a row per greenlet, bars for its states, arrows for wake-ups.
 */
#include "see.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 64, SHAPES = 40000, ARROWS = 1000, LEFT = 170, WIDTH = 1100, ROW = 26, BAR = 18, TOP = 56 };

struct slice {
	unsigned long track;
	double from, to; /* us */
	char kind[12], name[40];
};

struct arrow {
	unsigned long from, to;
	double at;
};

static struct {
	struct slice *slices;
	size_t n;
	struct arrow *arrows;
	size_t narrows;
	struct {
		unsigned long id;
		char name[64];
	} rows[ROWS];
	int nrows;
	bool more; /* greenlets than rows */
	double from, to;
} d;

/* ---- reading: one event a line, as timeline.c writes them ---- */

static const char *value(const char *line, const char *key)
{
	char quoted[32];
	const char *p;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	p = strstr(line, quoted);
	return p ? p + strlen(quoted) : NULL;
}

static double number(const char *line, const char *key)
{
	const char *p = value(line, key);

	return p ? strtod(p, NULL) : 0;
}

static void string(const char *line, const char *key, char *to, size_t n)
{
	const char *p = value(line, key);
	size_t len = p && *p == '"' ? strcspn(p + 1, "\"\\") : 0;

	snprintf(to, n, "%.*s", (int)len, p && *p == '"' ? p + 1 : "");
}

static bool add_slice(const char *line)
{
	struct slice s = {.track = (unsigned long)number(line, "tid"), .from = number(line, "ts")};

	s.to = s.from + number(line, "dur");
	string(line, "cat", s.kind, sizeof(s.kind));
	string(line, "name", s.name, sizeof(s.name));
	if (d.n % 4096 == 0) {
		void *more = realloc(d.slices, (d.n + 4096) * sizeof(s));

		if (!more)
			return false;
		d.slices = more;
	}
	d.slices[d.n++] = s;
	return true;
}

static bool add_arrow(const char *start, const char *end)
{
	if (d.narrows % 4096 == 0) {
		void *more = realloc(d.arrows, (d.narrows + 4096) * sizeof(*d.arrows));

		if (!more)
			return false;
		d.arrows = more;
	}
	d.arrows[d.narrows++] = (struct arrow){
	    (unsigned long)number(start, "tid"), (unsigned long)number(end, "tid"), number(end, "ts")};
	return true;
}

static int row_of(unsigned long id)
{
	for (int i = 0; i < d.nrows; i++)
		if (d.rows[i].id == id)
			return i;
	return -1;
}

static int by_row(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Rows in the order of numbers, for those that have a slice in the window. */
static void make_rows(void)
{
	for (size_t i = 0; i < d.n; i++) {
		const struct slice *s = &d.slices[i];

		if (s->to < d.from || s->from > d.to || row_of(s->track) >= 0)
			continue;
		if (d.nrows == ROWS)
			d.more = true;
		else
			d.rows[d.nrows++].id = s->track;
	}
	qsort(d.rows, (size_t)d.nrows, sizeof(d.rows[0]), by_row);
}

static int read_json(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024], start[1024] = "";

	if (!f)
		return complain(VV__EXIT_FAILED, "timeline: %s: %m", path);
	if (!fgets(line, sizeof(line), f) || strncmp(line, "{\"displayTimeUnit\"", 18)) {
		fclose(f);
		return complain(VV__EXIT_FAILED, "timeline: %s: not what --trace writes", path);
	}
	while (fgets(line, sizeof(line), f)) {
		bool ours = strstr(line, "\"pid\":2,") != NULL;

		if (ours && strstr(line, "\"ph\":\"X\"") && !add_slice(line))
			break;
		if (strstr(line, "\"ph\":\"s\""))
			memcpy(start, line, sizeof(start));
		if (strstr(line, "\"ph\":\"f\"") && !add_arrow(start, line))
			break;
	}
	rewind(f);
	make_rows();
	while (fgets(line, sizeof(line), f)) {
		int row = strstr(line, "\"pid\":2,") && strstr(line, "thread_name")
			      ? row_of((unsigned long)number(line, "tid"))
			      : -1;
		const char *args = row >= 0 ? strstr(line, "\"args\"") : NULL;

		if (args)
			string(args, "name", d.rows[row].name, sizeof(d.rows[row].name));
	}
	fclose(f);
	return 0;
}

/* ---- drawing ---- */

static double x_of(double us)
{
	double x = LEFT + (us - d.from) / (d.to - d.from) * WIDTH;

	return x < LEFT ? LEFT : x > LEFT + WIDTH ? LEFT + WIDTH : x;
}

static void escaped(FILE *out, const char *s)
{
	for (; *s; s++)
		if (*s == '<' || *s == '&' || *s == '>')
			fprintf(out, "&#%d;", *s);
		else
			putc(*s, out);
}

static void draw_axis(FILE *out)
{
	double span = d.to - d.from, step = 1;
	bool ms;

	while (span / step > 100)
		step *= 10;
	while (span / step > 11)
		step *= span / step > 22 ? 5 : 2;
	ms = step >= 100;
	for (double t = d.from; t <= d.to; t += step) {
		double x = x_of(t);

		fprintf(out, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>", x, TOP - 6, x,
		    TOP + d.nrows * ROW);
		fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle' fill='#666'>%g %s</text>\n", x,
		    TOP - 12, ms ? t / 1e3 : t, ms ? "ms" : "us");
	}
}

static const struct {
	const char *kind, *colour, *text;
} looks[] = {{"running", "#3f9c6b", "#fff"}, {"runnable", "#f4c95d", "#333"}, {"parked", "#e6e8ec", "#555"},
    {"hop", "#5b8def", "#fff"}};

static void draw_slice(FILE *out, const struct slice *s)
{
	int row = row_of(s->track), look = 0;
	double x = x_of(s->from), w = x_of(s->to) - x;

	if (row < 0 || s->to < d.from || s->from > d.to)
		return;
	while (look < 3 && strcmp(looks[look].kind, s->kind))
		look++;
	if (w < 1.2) /* to be seen at all */
		w = 1.2;
	fprintf(out, "<rect x='%.2f' y='%d' width='%.2f' height='%d' fill='%s'><title>", x,
	    TOP + row * ROW + 4, w, BAR, looks[look].colour);
	escaped(out, s->kind);
	fputs(strcmp(s->kind, s->name) ? ": " : "", out);
	escaped(out, strcmp(s->kind, s->name) ? s->name : "");
	fprintf(out, ", %.1f us</title></rect>", s->to - s->from);
	if (w > 7.0 * (double)strlen(s->name) + 6) {
		fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle' fill='%s'>", x + w / 2,
		    TOP + row * ROW + 17, looks[look].text);
		escaped(out, s->name);
		fputs("</text>", out);
	}
	putc('\n', out);
}

static void draw_arrow(FILE *out, const struct arrow *a)
{
	int from = row_of(a->from), to = row_of(a->to);
	double x = x_of(a->at);

	if (to < 0 || a->at < d.from || a->at > d.to || from < 0 || from == to)
		return;
	fprintf(out, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#c0392b' marker-end='url(#tip)'/>\n",
	    x, TOP + from * ROW + 13, x, TOP + to * ROW + (to > from ? 4 : 4 + BAR));
}

static void draw(FILE *out)
{
	int x = LEFT;

	fprintf(out,
	    "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' "
	    "font-size='11'>\n"
	    "<defs><marker id='tip' markerWidth='6' markerHeight='6' refX='5' refY='3' orient='auto'>"
	    "<path d='M0,0 L6,3 L0,6 z' fill='#c0392b'/></marker></defs>\n<rect width='100%%' height='100%%' "
	    "fill='#fff'/>\n",
	    LEFT + WIDTH + 30, TOP + d.nrows * ROW + 20);
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++, x += 90)
		fprintf(out,
		    "<rect x='%d' y='8' width='14' height='12' fill='%s'/><text x='%d' y='18'>%s</text>", x,
		    looks[i].colour, x + 18, looks[i].kind);
	fprintf(out,
	    "<line x1='%d' y1='14' x2='%d' y2='14' stroke='#c0392b' marker-end='url(#tip)'/><text x='%d' "
	    "y='18'>wakes</text>\n",
	    x, x + 20, x + 25);
	draw_axis(out);
	for (int i = 0; i < d.nrows; i++) {
		fprintf(out, "<text x='8' y='%d'>greenlet ", TOP + i * ROW + 17);
		escaped(out, d.rows[i].name);
		fputs("</text>\n", out);
	}
	for (size_t i = 0; i < d.n && i < SHAPES; i++)
		draw_slice(out, &d.slices[i]);
	for (size_t i = 0; i < d.narrows && i < ARROWS; i++)
		draw_arrow(out, &d.arrows[i]);
	if (d.more || d.n > SHAPES)
		fprintf(out,
		    "<text x='8' y='%d' fill='#c0392b'>not all of it is shown: --from and --to choose a "
		    "part</text>\n",
		    TOP + d.nrows * ROW + 14);
	fputs("</svg>\n", out);
}

int draw_timeline(const char *json, const char *svg, double from_ms, double to_ms)
{
	int status;
	FILE *out;

	d.from = from_ms * 1e3;
	d.to = to_ms < 1e299 ? to_ms * 1e3 : 1e300;
	status = read_json(json);
	if (status)
		return status;
	if (d.to >= 1e299) {
		d.to = d.from + 1;
		for (size_t i = 0; i < d.n; i++)
			d.to = d.slices[i].to > d.to ? d.slices[i].to : d.to;
	}
	if (d.to <= d.from || !d.n)
		return complain(VV__EXIT_FAILED, "timeline: %s: nothing to draw", json);
	out = fopen(svg, "we");
	if (!out)
		return complain(VV__EXIT_FAILED, "timeline: %s: %m", svg);
	draw(out);
	return fclose(out) ? complain(VV__EXIT_FAILED, "timeline: %s: %m", svg) : 0;
}
