/*
 * Reading from streams. One character: wait until the descriptor is ready, then libc's own call. Lines and blocks: taken
 * piece by piece out of the stream's buffer, which is filled (by libc) only when that does not block, so a client
 * that sends half a line holds nothing but its greenlet. scanf and wide characters: on a carrier, unless the buffer
 * has it all. Buffers of streams and their end and error flags are left exactly as libc leaves them.
 */
#include "stdio.h"

/* ---- one character -------------------------------------------------------------------------------------- */

#define READER(type, failed, name, params, args, f, buffered, locked)                                        \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio) ||                                                       \
		    (buffered(f) > 0 && (!(locked) || vv__stream_lock_open(f))))                             \
			return REAL(name) args;                                                              \
		VV__STREAM_CALL(                                                                             \
		    type, failed, REAL(name) args, vv__input_place(f, locked, false), f, locked);            \
	}

READER(int, EOF, fgetc, (FILE * f), (f), f, vv__stream_buffered, true)
VV_ALIAS(getc, fgetc);
VV_ALIAS(_IO_getc, fgetc);
READER(int, EOF, getchar, (void), (), stdin, vv__stream_buffered, true)
READER(int, EOF, fgetc_unlocked, (FILE * f), (f), f, vv__stream_buffered, false)
VV_ALIAS(getc_unlocked, fgetc_unlocked);
READER(int, EOF, getchar_unlocked, (void), (), stdin, vv__stream_buffered, false)
READER(int, EOF, __uflow, (FILE * f), (f), f, vv__stream_buffered, false)
READER(int, EOF, __underflow, (FILE * f), (f), f, vv__stream_buffered, false)
READER(int, EOF, _IO_peekc_locked, (FILE * f), (f), f, vv__stream_buffered, true)
READER(wint_t, WEOF, fgetwc, (FILE * f), (f), f, vv__stream_wide_buffered, true)
VV_ALIAS(getwc, fgetwc);
READER(wint_t, WEOF, getwchar, (void), (), stdin, vv__stream_wide_buffered, true)
READER(wint_t, WEOF, fgetwc_unlocked, (FILE * f), (f), f, vv__stream_wide_buffered, false)
VV_ALIAS(getwc_unlocked, fgetwc_unlocked);
READER(wint_t, WEOF, getwchar_unlocked, (void), (), stdin, vv__stream_wide_buffered, false)
READER(wint_t, WEOF, __wuflow, (FILE * f), (f), f, vv__stream_wide_buffered, false)
READER(wint_t, WEOF, __wunderflow, (FILE * f), (f), f, vv__stream_wide_buffered, false)

/* ---- lines and blocks ----------------------------------------------------------------------------------- */

/*
 * Where to take lines and blocks: VV__HELD means that the caller takes pieces, with the lock held.
 */
static enum vv__place pieces(FILE *f, bool locked)
{
	enum vv__place place = vv__input_place(f, locked, true);

	if (place == VV__HERE || (locked && !vv__stream_lock_open(f)))
		return place;
	if (f->_mode > 0 || (f->_flags & (VV__F_UNBUFFERED | VV__F_LINE) && !vv__stream_sliced(f)))
		return VV__AWAY;
	vv__stream_lock(f, locked);
	return VV__HELD;
}

/* Put back characters are in a buffer of their own; the main one waits behind it. */
static bool main_area_waits(FILE *f)
{
	return f->_flags & VV__F_BACKUP && f->_IO_save_end > f->_IO_save_base;
}

static int flush_first(FILE *f)
{
	int r;

	if (vv__stream_sliced(f))
		return vv__stream_drain(f) ? 0 : -EINTR;
	r = vv__stream_await(f, POLLOUT);
	if (!r)
		REAL(fflush_unlocked)(f);
	return r;
}

/* Wait until filling the stream's buffer does not block. Returns as vv__stream_await. */
static int await_input(FILE *f)
{
	int r = 0;

	if (main_area_waits(f) || f->_flags & VV__F_EOF)
		return 0;
	if (vv__stream_pending(f))
		r = flush_first(f);
	return r ? r : vv__stream_await(f, POLLIN);
}

/*
 * Fill the empty buffer of a stream whose lock is held (if locked). True if it has something now; false at the end,
 * after an error, and after a signal that ends the call. Gives the lock back if it does not return.
 */
static bool refill(FILE *f, bool locked)
{
	int r = await_input(f), c;

	if (r == -ECANCELED) {
		vv__stream_unlock(f, locked);
		vv__cancel_now();
	}
	if (r == -EINTR || r == -ETIMEDOUT || r == -ETIME) {
		f->_flags |= VV__F_ERROR;
		errno = r == -ETIMEDOUT ? EAGAIN : -r;
		return false;
	}
	if (r)
		vv__hop();
	c = REAL(__underflow)(f);
	if (r)
		vv__hop_back();
	return c != EOF;
}

/* Move up to n bytes, at most up to and with `stop` (-1: none), out of the buffer. True if stop was met. */
static bool take(FILE *f, char *to, size_t *n, int stop)
{
	size_t have = vv__stream_buffered(f);
	char *end = NULL;

	if (*n > have)
		*n = have;
	if (stop >= 0)
		end = memchr(f->_IO_read_ptr, stop, *n);
	if (end)
		*n = end + 1 - f->_IO_read_ptr;
	memcpy(to, f->_IO_read_ptr, *n);
	f->_IO_read_ptr += *n;
	return end != NULL;
}

static char *line_in_pieces(char *s, int size, FILE *f, bool locked)
{
	size_t done = 0, n, room = size - 1;
	int old_error = f->_flags & VV__F_ERROR;
	bool met = false, failed;

	f->_flags &= ~VV__F_ERROR;
	while (!met && done < room && (vv__stream_buffered(f) || refill(f, locked))) {
		n = room - done;
		met = take(f, s + done, &n, '\n');
		done += n;
	}
	failed = !done || (f->_flags & VV__F_ERROR && errno != EAGAIN);
	if (!failed)
		s[done] = 0;
	f->_flags |= old_error;
	vv__stream_unlock(f, locked);
	return failed ? NULL : s;
}

static bool has_line(FILE *f, int stop, size_t room)
{
	size_t have = vv__stream_buffered(f);

	return have >= room || (have && memchr(f->_IO_read_ptr, stop, have));
}

static bool line_is_here(FILE *f, int stop, int size, bool locked)
{
	return size <= 1 || ((!locked || vv__stream_lock_open(f)) && has_line(f, stop, size - 1));
}

#define LINE_READER(name, params, args, s, size, f, locked)                                                  \
	VV_EXPORT char *name params                                                                          \
	{                                                                                                    \
		enum vv__place place;                                                                        \
                                                                                                             \
		if (vv__step_aside(vv__me(), stdio) || line_is_here(f, '\n', size, locked))                  \
			return REAL(name) args;                                                              \
		place = pieces(f, locked);                                                                   \
		if (place == VV__HELD)                                                                       \
			return line_in_pieces(s, size, f, locked);                                           \
		VV__STREAM_CALL(char *, NULL, REAL(name) args, place, f, locked);                            \
	}

LINE_READER(fgets, (char *s, int size, FILE *f), (s, size, f), s, size, f, true)
VV_ALIAS(_IO_fgets, fgets);
LINE_READER(fgets_unlocked, (char *s, int size, FILE *f), (s, size, f), s, size, f, false)

/* What overflows is for libc to complain about. */
#define CHECKED_LINE_READER(name, plain)                                                                     \
	VV_EXPORT char *name(char *s, size_t space, int size, FILE *f)                                       \
	{                                                                                                    \
		vv__me();                                                                                    \
		return size > 0 && (size_t)size > space ? REAL(name)(s, space, size, f) : plain(s, size, f); \
	}

CHECKED_LINE_READER(__fgets_chk, fgets)
CHECKED_LINE_READER(__fgets_unlocked_chk, fgets_unlocked)

/* Room for `more` bytes and a null behind `len`, grown as getdelim grows it. */
static bool grow(char **line, size_t *size, size_t len, size_t more)
{
	size_t needed = len + more + 1;
	char *bigger;

	if (needed <= *size)
		return true;
	if (needed < 2 * *size)
		needed = 2 * *size;
	bigger = realloc(*line, needed);
	if (!bigger)
		return false;
	*line = bigger;
	*size = needed;
	return true;
}

static ssize_t delimited_in_pieces(char **line, size_t *size, int stop, FILE *f)
{
	size_t n, len = 0;
	ssize_t result = -1;
	bool met = false;

	if (f->_flags & VV__F_ERROR)
		goto out;
	if (!*line || !*size) {
		*line = malloc(120);
		*size = 120;
		if (!*line)
			goto out;
	}
	while (!met && (vv__stream_buffered(f) || refill(f, true))) {
		n = vv__stream_buffered(f);
		char *end = memchr(f->_IO_read_ptr, stop, n);
		if (end)
			n = end + 1 - f->_IO_read_ptr;
		if (!grow(line, size, len, n))
			goto out;
		met = take(f, *line + len, &n, stop);
		len += n;
	}
	if (len) {
		(*line)[len] = 0;
		result = len;
	}
out:
	vv__stream_unlock(f, true);
	return result;
}

VV_EXPORT ssize_t getdelim(char **line, size_t *size, int stop, FILE *f)
{
	enum vv__place place;

	if (vv__step_aside(vv__me(), stdio) || !line || !size || line_is_here(f, stop, INT_MAX, true))
		return REAL(getdelim)(line, size, stop, f);
	place = pieces(f, true);
	if (place == VV__HELD)
		return delimited_in_pieces(line, size, (unsigned char)stop, f);
	VV__STREAM_CALL(ssize_t, -1, REAL(getdelim)(line, size, stop, f), place, f, true);
}
VV_ALIAS(__getdelim, getdelim);

VV_EXPORT ssize_t getline(char **line, size_t *size, FILE *f)
{
	return getdelim(line, size, '\n', f);
}

/* Bytes that a read on the empty stream would get at once; 0: not known. */
static size_t arrived(FILE *f)
{
	int n = 0;

	return vv__syscall(SYS_ioctl, f->_fileno, FIONREAD, &n) < 0 || n < 0 ? 0 : (size_t)n;
}

/* The part of a block that is larger than the buffer: libc reads it straight to its place. */
static size_t take_large(FILE *f, char *to, size_t n)
{
	size_t have;

	if (!f->_IO_buf_base || n < (size_t)(f->_IO_buf_end - f->_IO_buf_base) || vv__stream_pending(f) ||
	    f->_flags & VV__F_BACKUP)
		return 0;
	have = arrived(f);
	return have ? REAL(fread_unlocked)(to, 1, have < n ? have : n, f) : 0;
}

static size_t block_in_pieces(char *to, size_t total, FILE *f, bool locked)
{
	size_t done = 0, n;

	while (done < total) {
		n = total - done;
		if (vv__stream_buffered(f))
			take(f, to + done, &n, -1);
		else if (!(n = take_large(f, to + done, n)) && !refill(f, locked))
			break;
		done += n;
	}
	vv__stream_unlock(f, locked);
	return done;
}

static size_t items(size_t bytes, size_t size, size_t n)
{
	return bytes == size * n ? n : bytes / size;
}

#define BLOCK_READER(name, locked)                                                                           \
	VV_EXPORT size_t name(void *to, size_t size, size_t n, FILE *f)                                      \
	{                                                                                                    \
		enum vv__place place;                                                                        \
		size_t total = size * n;                                                                     \
                                                                                                             \
		if (vv__step_aside(vv__me(), stdio) || !total ||                                             \
		    ((!(locked) || vv__stream_lock_open(f)) && vv__stream_buffered(f) >= total))             \
			return REAL(name)(to, size, n, f);                                                   \
		place = pieces(f, locked);                                                                   \
		if (place == VV__HELD)                                                                       \
			return items(block_in_pieces(to, total, f, locked), size, n);                        \
		VV__STREAM_CALL(size_t, 0, REAL(name)(to, size, n, f), place, f, locked);                    \
	}

BLOCK_READER(fread, true)
VV_ALIAS(_IO_fread, fread);
BLOCK_READER(fread_unlocked, false)

#define CHECKED_BLOCK_READER(name, plain)                                                                    \
	VV_EXPORT size_t name(void *to, size_t space, size_t size, size_t n, FILE *f)                        \
	{                                                                                                    \
		size_t total;                                                                                \
                                                                                                             \
		vv__me();                                                                                    \
		if (__builtin_mul_overflow(size, n, &total) || total > space)                                \
			return REAL(name)(to, space, size, n, f);                                            \
		return plain(to, size, n, f);                                                                \
	}

CHECKED_BLOCK_READER(__fread_chk, fread)
CHECKED_BLOCK_READER(__fread_unlocked_chk, fread_unlocked)

VV_EXPORT int getw(FILE *f)
{
	int word;

	if (vv__step_aside(vv__me(), stdio))
		return REAL(getw)(f);
	return fread(&word, sizeof(word), 1, f) == 1 ? word : EOF;
}

/* ---- on a carrier, unless the buffer has it all ------------------------------------------------------------ */

#define LONG_READER(type, failed, name, params, args, f, here, locked)                                       \
	LONG_READER_AS(name, type, failed, name, params, args, f, here, locked)

/* own: the C name, where the header gives the real one to another symbol. */
#define LONG_READER_AS(own, type, failed, name, params, args, f, here, locked)                               \
	VV_EXPORT type own params                                                                            \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio) || ((!(locked) || vv__stream_lock_open(f)) && (here)))   \
			return REAL(name) args;                                                              \
		VV__STREAM_CALL(type, failed, REAL(name) args, vv__input_place(f, locked, true), f, locked); \
	}

static bool has_wide_line(FILE *f)
{
	struct vv__stream_wide *w = (void *)f->_wide_data;
	size_t n = vv__stream_wide_buffered(f);

	return n && wmemchr(w->read_ptr, L'\n', n);
}

LONG_READER(char *, NULL, gets, (char *s), (s), stdin, has_line(stdin, '\n', SIZE_MAX), true)
VV_ALIAS(_IO_gets, gets);
LONG_READER(
    char *, NULL, __gets_chk, (char *s, size_t n), (s, n), stdin, has_line(stdin, '\n', SIZE_MAX), true)
LONG_READER(wchar_t *, NULL, fgetws, (wchar_t * s, int n, FILE *f), (s, n, f), f, has_wide_line(f), true)
LONG_READER(
    wchar_t *, NULL, fgetws_unlocked, (wchar_t * s, int n, FILE *f), (s, n, f), f, has_wide_line(f), false)
LONG_READER(wchar_t *, NULL, __fgetws_chk, (wchar_t * s, size_t space, int n, FILE *f), (s, space, n, f), f,
    has_wide_line(f), true)
LONG_READER(wchar_t *, NULL, __fgetws_unlocked_chk, (wchar_t * s, size_t space, int n, FILE *f),
    (s, space, n, f), f, has_wide_line(f), false)

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* As many whole words in the buffer as the format has conversions, and one to stop white space in it. */
static bool has_words(FILE *f, const char *format)
{
	const char *p = f->_IO_read_ptr, *end = f->_IO_read_end;
	int needed = 1;

	if (f->_mode > 0 || f->_flags & VV__F_BACKUP)
		return false;
	for (; *format; format++)
		needed += *format == '%' || blank(*format);
	for (; p < end && needed; needed--) {
		while (p < end && blank(*p))
			p++;
		while (p < end && !blank(*p))
			p++;
	}
	return p < end;
}

/*
 * A slice has no carrier to go to. So the call is tried on a stream over what the buffer has; if that comes to its end, more
 * is read, which parks, and it is tried again. What a trial stores the real call stores again, but for memory (%m).
 */
typedef int (*scanner)(FILE *, const char *, va_list);

static bool scans_now(FILE *f, scanner scan, const char *format, va_list ap)
{
	size_t n = vv__stream_buffered(f);
	FILE *trial = n ? fmemopen(f->_IO_read_ptr, n, "r") : NULL;
	bool enough;
	va_list copy;

	if (!trial)
		return false;
	va_copy(copy, ap);
	scan(trial, format, copy);
	va_end(copy);
	enough = !feof_unlocked(trial);
	REAL(fclose)(trial);
	return enough;
}

/* Behind what the buffer has. 1, 0 at the end or if there is no room, -1 as read. */
static int read_more(FILE *f)
{
	size_t have = vv__stream_buffered(f);
	ssize_t r;

	if (f->_IO_read_end == f->_IO_buf_end) {
		memmove(f->_IO_buf_base, f->_IO_read_ptr, have);
		f->_IO_read_base = f->_IO_read_ptr = f->_IO_buf_base;
		f->_IO_read_end = f->_IO_buf_base + have;
	}
	if (f->_IO_read_end == f->_IO_buf_end)
		return 0;
	r = read(f->_fileno, f->_IO_read_end, f->_IO_buf_end - f->_IO_read_end);
	if (r > 0)
		f->_IO_read_end += r;
	if (r < 0)
		f->_flags |= VV__F_ERROR;
	return r > 0 ? 1 : (int)r;
}

static enum vv__place scan_place(FILE *f, scanner scan, const char *format, va_list ap)
{
	int r = 1, before = errno;

	if (!vv__stream_sliced(f) || !vv__stream_lock_open(f) || f->_flags & VV__F_BACKUP ||
	    strchr(format, 'm'))
		return vv__input_place(f, true, true);
	vv__stream_lock(f, true);
	while (r > 0 && !scans_now(f, scan, format, ap))
		r = vv__stream_buffered(f) ? read_more(f) : refill(f, true);
	if (!r && f->_flags & VV__F_ERROR && !(f->_flags & VV__F_EOF))
		r = -1;
	if (r >= 0) {
		errno = before;
		return VV__HELD;
	}
	vv__stream_unlock(f, true);
	return VV__FAIL;
}

#define SCANNER(own, name, type, here, dots_own)                                                             \
	SCANNER_AT(own, name, type, here, dots_own, scan_place(f, REAL(name), format, ap))
#define WIDE_SCANNER(own, name, type, here, dots_own)                                                        \
	SCANNER_AT(own, name, type, here, dots_own, vv__input_place(f, true, true))

/* The stream's own form, with a list of arguments and with dots. */
#define SCANNER_AT(own, name, type, here, dots_own, place)                                                   \
	VV_EXPORT int own(FILE *f, const type *format, va_list ap)                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio) || (vv__stream_lock_open(f) && (here)))                  \
			return REAL(name)(f, format, ap);                                                    \
		VV__STREAM_CALL(int, EOF, REAL(name)(f, format, ap), place, f, true);                        \
	}                                                                                                    \
	VV_EXPORT int dots_own(FILE *f, const type *format, ...)                                             \
	{                                                                                                    \
		va_list ap;                                                                                  \
		int r;                                                                                       \
                                                                                                             \
		va_start(ap, format);                                                                        \
		r = own(f, format, ap);                                                                      \
		va_end(ap);                                                                                  \
		return r;                                                                                    \
	}

/* The same two on standard input, through the stream's. */
#define STDIN_SCANNER(own, through, type, dots_own)                                                          \
	VV_EXPORT int own(const type *format, va_list ap)                                                    \
	{                                                                                                    \
		vv__me();                                                                                    \
		return through(stdin, format, ap);                                                           \
	}                                                                                                    \
	VV_EXPORT int dots_own(const type *format, ...)                                                      \
	{                                                                                                    \
		va_list ap;                                                                                  \
		int r;                                                                                       \
                                                                                                             \
		va_start(ap, format);                                                                        \
		r = own(format, ap);                                                                         \
		va_end(ap);                                                                                  \
		return r;                                                                                    \
	}

SCANNER(__isoc99_vfscanf, __isoc99_vfscanf, char, has_words(f, format), __isoc99_fscanf)
STDIN_SCANNER(__isoc99_vscanf, __isoc99_vfscanf, char, __isoc99_scanf)
WIDE_SCANNER(__isoc99_vfwscanf, __isoc99_vfwscanf, wchar_t, false, __isoc99_fwscanf)
STDIN_SCANNER(__isoc99_vwscanf, __isoc99_vfwscanf, wchar_t, __isoc99_wscanf)

/* The names of before C99: the header gives them to the symbols above, so they have other names here. */
int old_vfscanf(FILE *, const char *, va_list) __asm__("vfscanf");
int old_fscanf(FILE *, const char *, ...) __asm__("fscanf");
int old_vscanf(const char *, va_list) __asm__("vscanf");
int old_scanf(const char *, ...) __asm__("scanf");
int old_vfwscanf(FILE *, const wchar_t *, va_list) __asm__("vfwscanf");
int old_fwscanf(FILE *, const wchar_t *, ...) __asm__("fwscanf");
int old_vwscanf(const wchar_t *, va_list) __asm__("vwscanf");
int old_wscanf(const wchar_t *, ...) __asm__("wscanf");

SCANNER(old_vfscanf, vfscanf, char, has_words(f, format), old_fscanf)
STDIN_SCANNER(old_vscanf, old_vfscanf, char, old_scanf)
WIDE_SCANNER(old_vfwscanf, vfwscanf, wchar_t, false, old_fwscanf)
STDIN_SCANNER(old_vwscanf, old_vfwscanf, wchar_t, old_wscanf)
extern VV_EXPORT __typeof__(old_vfscanf) __vfscanf __attribute__((alias("vfscanf")));
