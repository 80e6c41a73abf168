/*
 * Writing to streams, opening and closing them. What fits the buffer goes there; before a call that may write, the
 * descriptor must be ready for as much as one system call is sure to take, else the greenlet parks; more than that
 * goes to a carrier. The printf family comes through its forms with a list of arguments.
 */
#include "procfile.h"
#include "stdio.h"

#include "fdinfo.h"
#include "file.h"
#include "hop.h"

#include <err.h>
#include <syslog.h>

/* One printf rarely makes more than this; if it does, and a flush blocks, the hub is handed over. */
enum { USUAL_LINE = 512 };

static bool fits(FILE *f, size_t len, bool locked)
{
	return f->_IO_write_end > f->_IO_write_ptr && (size_t)(f->_IO_write_end - f->_IO_write_ptr) > len &&
	       (!locked || vv__stream_lock_open(f));
}

static bool nothing_to_flush(FILE *f, bool locked)
{
	return f && f->_mode <= 0 && !vv__stream_pending(f) && (!locked || vv__stream_lock_open(f));
}

#define WRITER_IF(here, type, failed, name, params, args, f, len, locked)                                    \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio) || (here))                                               \
			return REAL(name) args;                                                              \
		VV__STREAM_CALL(type, failed, REAL(name) args, vv__output_place(f, locked, len), f, locked); \
	}

#define WRITER(type, failed, name, params, args, f, len, locked)                                             \
	WRITER_IF(fits(f, len, locked), type, failed, name, params, args, f, len, locked)

static bool put_all(FILE *f, const char *s, size_t n, bool locked)
{
	return vv__stream_put(f, s, n, locked) == n;
}

static size_t put_items(const void *p, size_t size, size_t n, FILE *f, bool locked)
{
	size_t done = size && n ? vv__stream_put(f, p, size * n, locked) : 0;

	return done == size * n ? n : done / size;
}

/* The same; `put` for slices. */
#define SLICE_WRITER(type, failed, name, params, args, f, len, locked, put)                                  \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio))                                                         \
			return REAL(name) args;                                                              \
		if (vv__unlikely(vv__me()->slice != NULL) && vv__stream_sliced(f))                           \
			return put;                                                                          \
		if (fits(f, len, locked))                                                                    \
			return REAL(name) args;                                                              \
		VV__STREAM_CALL(type, failed, REAL(name) args, vv__output_place(f, locked, len), f, locked); \
	}

/* A call that writes nothing of its own, but flushes. */
#define FLUSHER(type, failed, name, params, args, f, locked)                                                 \
	WRITER_IF(nothing_to_flush(f, locked), type, failed, name, params, args, f, 0, locked)

WRITER(int, EOF, fputc, (int c, FILE *f), (c, f), f, 1, true)
VV_ALIAS(putc, fputc);
VV_ALIAS(_IO_putc, fputc);
WRITER(int, EOF, putchar, (int c), (c), stdout, 1, true)
WRITER(int, EOF, fputc_unlocked, (int c, FILE *f), (c, f), f, 1, false)
VV_ALIAS(putc_unlocked, fputc_unlocked);
WRITER(int, EOF, putchar_unlocked, (int c), (c), stdout, 1, false)
WRITER(int, EOF, __overflow, (FILE * f, int c), (f, c), f, 1, false)
WRITER(int, EOF, putw, (int word, FILE *f), (word, f), f, sizeof(word), true)
SLICE_WRITER(int, EOF, fputs, (const char *s, FILE *f), (s, f), f, strlen(s), true,
    put_all(f, s, strlen(s), true) ? 1 : EOF)
VV_ALIAS(_IO_fputs, fputs);
SLICE_WRITER(int, EOF, fputs_unlocked, (const char *s, FILE *f), (s, f), f, strlen(s), false,
    put_all(f, s, strlen(s), false) ? 1 : EOF)
WRITER(int, EOF, puts, (const char *s), (s), stdout, strlen(s) + 1, true)
VV_ALIAS(_IO_puts, puts);
SLICE_WRITER(size_t, 0, fwrite, (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f), f, size *n,
    true, put_items(p, size, n, f, true))
VV_ALIAS(_IO_fwrite, fwrite);
SLICE_WRITER(size_t, 0, fwrite_unlocked, (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f), f,
    size *n, false, put_items(p, size, n, f, false))

/* Wide characters have a buffer of their own, so these always look at the descriptor. */
#define WIDE_WRITER(type, failed, name, params, args, f, len, locked)                                        \
	WRITER_IF(false, type, failed, name, params, args, f, len, locked)

WIDE_WRITER(wint_t, WEOF, fputwc, (wchar_t c, FILE *f), (c, f), f, 4, true)
VV_ALIAS(putwc, fputwc);
WIDE_WRITER(wint_t, WEOF, putwchar, (wchar_t c), (c), stdout, 4, true)
WIDE_WRITER(wint_t, WEOF, fputwc_unlocked, (wchar_t c, FILE *f), (c, f), f, 4, false)
VV_ALIAS(putwc_unlocked, fputwc_unlocked);
WIDE_WRITER(wint_t, WEOF, putwchar_unlocked, (wchar_t c), (c), stdout, 4, false)
WIDE_WRITER(wint_t, WEOF, __woverflow, (FILE * f, wint_t c), (f, c), f, 4, false)
WIDE_WRITER(int, EOF, fputws, (const wchar_t *s, FILE *f), (s, f), f, 4 * wcslen(s), true)
WIDE_WRITER(int, EOF, fputws_unlocked, (const wchar_t *s, FILE *f), (s, f), f, 4 * wcslen(s), false)

/* ---- formatted ------------------------------------------------------------------------------------------ */

/* Made in memory first. */
static int put_formatted(FILE *f, const char *format, va_list ap)
{
	char *text;
	int n = vasprintf(&text, format, ap);

	if (n < 0)
		return n;
	if (!put_all(f, text, n, true))
		n = -1;
	free(text);
	return n;
}

SLICE_WRITER(int, -1, vfprintf, (FILE * f, const char *format, va_list ap), (f, format, ap), f, USUAL_LINE,
    true, put_formatted(f, format, ap))
VV_ALIAS(_IO_vfprintf, vfprintf);
SLICE_WRITER(int, -1, __vfprintf_chk, (FILE * f, int flag, const char *format, va_list ap),
    (f, flag, format, ap), f, USUAL_LINE, true, put_formatted(f, format, ap))
WIDE_WRITER(
    int, -1, vfwprintf, (FILE * f, const wchar_t *format, va_list ap), (f, format, ap), f, USUAL_LINE, true)
WIDE_WRITER(int, -1, __vfwprintf_chk, (FILE * f, int flag, const wchar_t *format, va_list ap),
    (f, flag, format, ap), f, USUAL_LINE, true)

/* The form with dots, through the one with a list. */
#define DOTS(name, params, call)                                                                             \
	VV_EXPORT int name params                                                                            \
	{                                                                                                    \
		va_list ap;                                                                                  \
		int r;                                                                                       \
                                                                                                             \
		va_start(ap, format);                                                                        \
		r = call;                                                                                    \
		va_end(ap);                                                                                  \
		return r;                                                                                    \
	}

/* A form with a list that goes through another one. */
#define THROUGH(name, params, call)                                                                          \
	VV_EXPORT int name params                                                                            \
	{                                                                                                    \
		vv__me();                                                                                    \
		return call;                                                                                 \
	}

THROUGH(vprintf, (const char *format, va_list ap), vfprintf(stdout, format, ap))
THROUGH(__vprintf_chk, (int flag, const char *format, va_list ap), __vfprintf_chk(stdout, flag, format, ap))
THROUGH(vwprintf, (const wchar_t *format, va_list ap), vfwprintf(stdout, format, ap))
THROUGH(
    __vwprintf_chk, (int flag, const wchar_t *format, va_list ap), __vfwprintf_chk(stdout, flag, format, ap))
DOTS(printf, (const char *format, ...), vprintf(format, ap))
VV_ALIAS(_IO_printf, printf);
DOTS(__printf_chk, (int flag, const char *format, ...), __vprintf_chk(flag, format, ap))
DOTS(wprintf, (const wchar_t *format, ...), vwprintf(format, ap))
DOTS(__wprintf_chk, (int flag, const wchar_t *format, ...), __vwprintf_chk(flag, format, ap))
DOTS(fprintf, (FILE * f, const char *format, ...), vfprintf(f, format, ap))
VV_ALIAS(_IO_fprintf, fprintf);
DOTS(__fprintf_chk, (FILE * f, int flag, const char *format, ...), __vfprintf_chk(f, flag, format, ap))
DOTS(fwprintf, (FILE * f, const wchar_t *format, ...), vfwprintf(f, format, ap))
DOTS(__fwprintf_chk, (FILE * f, int flag, const wchar_t *format, ...), __vfwprintf_chk(f, flag, format, ap))

/* To a descriptor, without a stream. */
#define DESCRIPTOR_PRINTER(name, params, args)                                                               \
	VV_EXPORT int name params                                                                            \
	{                                                                                                    \
		struct pollfd p = {fd, POLLOUT, 0};                                                          \
		int r;                                                                                       \
                                                                                                             \
		if (vv__step_aside(vv__me(), stdio) || vv__poll_once(&p, 1) != 0)                            \
			return REAL(name) args;                                                              \
		vv__hop();                                                                                   \
		r = REAL(name) args;                                                                         \
		vv__hop_back();                                                                              \
		return r;                                                                                    \
	}

DESCRIPTOR_PRINTER(vdprintf, (int fd, const char *format, va_list ap), (fd, format, ap))
DESCRIPTOR_PRINTER(__vdprintf_chk, (int fd, int flag, const char *format, va_list ap), (fd, flag, format, ap))
DOTS(dprintf, (int fd, const char *format, ...), vdprintf(fd, format, ap))
DOTS(__dprintf_chk, (int fd, int flag, const char *format, ...), __vdprintf_chk(fd, flag, format, ap))

/* ---- messages ------------------------------------------------------------------------------------------- */

/* Does not return a value. */
#define QUIET_WRITER(name, params, args, f)                                                                  \
	static int name##_then params                                                                        \
	{                                                                                                    \
		REAL(name) args;                                                                             \
		return 0;                                                                                    \
	}                                                                                                    \
	static int name##_placed params                                                                      \
	{                                                                                                    \
		VV__STREAM_CALL(int, 0, name##_then args, vv__output_place(f, true, USUAL_LINE), f, true);   \
	}                                                                                                    \
	VV_EXPORT void name params                                                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio))                                                         \
			REAL(name) args;                                                                     \
		else                                                                                         \
			name##_placed args;                                                                  \
	}

#define MESSAGE_DOTS(dots, params, call)                                                                     \
	VV_EXPORT void dots params                                                                           \
	{                                                                                                    \
		va_list ap;                                                                                  \
                                                                                                             \
		va_start(ap, format);                                                                        \
		call;                                                                                        \
		va_end(ap);                                                                                  \
	}

QUIET_WRITER(perror, (const char *s), (s), stderr)
QUIET_WRITER(psignal, (int sig, const char *s), (sig, s), stderr)
QUIET_WRITER(psiginfo, (const siginfo_t *info, const char *s), (info, s), stderr)
QUIET_WRITER(herror, (const char *s), (s), stderr)
QUIET_WRITER(vwarn, (const char *format, va_list ap), (format, ap), stderr)
QUIET_WRITER(vwarnx, (const char *format, va_list ap), (format, ap), stderr)
MESSAGE_DOTS(warn, (const char *format, ...), vwarn(format, ap))
MESSAGE_DOTS(warnx, (const char *format, ...), vwarnx(format, ap))

VV_EXPORT void verr(int status, const char *format, va_list ap)
{
	vwarn(format, ap);
	exit(status);
}

VV_EXPORT void verrx(int status, const char *format, va_list ap)
{
	vwarnx(format, ap);
	exit(status);
}

VV_EXPORT void err(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verr(status, format, ap);
}

VV_EXPORT void errx(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verrx(status, format, ap);
}

VV__HOP_VOID(stdio, vsyslog, (int priority, const char *format, va_list ap), (priority, format, ap))
VV__HOP_VOID(stdio, __vsyslog_chk, (int priority, int flag, const char *format, va_list ap),
    (priority, flag, format, ap))
MESSAGE_DOTS(syslog, (int priority, const char *format, ...), vsyslog(priority, format, ap))
MESSAGE_DOTS(__syslog_chk, (int priority, int flag, const char *format, ...),
    __vsyslog_chk(priority, flag, format, ap))
VV__HOP_VOID(stdio, openlog, (const char *ident, int option, int facility), (ident, option, facility))
VV__HOP_VOID(stdio, closelog, (void), ())
VV__HOP(stdio, char *, getpass, (const char *prompt), (prompt))

/* ---- flushing, seeking, opening and closing --------------------------------------------------------------- */

/* Null: all streams, each with its lock. */
static int flush_all(int (*real)(FILE *))
{
	int r;

	vv__hop();
	r = real(NULL);
	vv__hop_back();
	return r;
}

#define FLUSH(name, locked)                                                                                  \
	VV_EXPORT int name(FILE *f)                                                                          \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), stdio) || nothing_to_flush(f, locked))                          \
			return REAL(name)(f);                                                                \
		if (!f)                                                                                      \
			return flush_all(REAL(name));                                                        \
		VV__STREAM_CALL(int, EOF, REAL(name)(f), vv__output_place(f, locked, 0), f, locked);         \
	}

FLUSH(fflush, true)
VV_ALIAS(_IO_fflush, fflush);
FLUSH(fflush_unlocked, false)
VV__HOP(stdio, int, _IO_flush_all, (void), ())
VV__HOP_VOID(stdio, _IO_flush_all_linebuffered, (void), ())
VV_ALIAS(_flushlbf, _IO_flush_all_linebuffered);
VV__HOP(stdio, int, fcloseall, (void), ())

FLUSHER(int, -1, fseek, (FILE * f, long offset, int whence), (f, offset, whence), f, true)
FLUSHER(int, -1, fseeko, (FILE * f, off_t offset, int whence), (f, offset, whence), f, true)
VV_ALIAS(fseeko64, fseeko);
FLUSHER(int, -1, fsetpos, (FILE * f, const fpos_t *pos), (f, pos), f, true)
VV_ALIAS(_IO_fsetpos, fsetpos);
FLUSHER(int, -1, fsetpos64, (FILE * f, const fpos64_t *pos), (f, pos), f, true)
VV_ALIAS(_IO_fsetpos64, fsetpos64);
FLUSHER(int, -1, setvbuf, (FILE * f, char *buf, int mode, size_t n), (f, buf, mode, n), f, true)
VV_ALIAS(_IO_setvbuf, setvbuf);
QUIET_WRITER(rewind, (FILE * f), (f), f)
QUIET_WRITER(setbuf, (FILE * f, char *buf), (f, buf), f)
QUIET_WRITER(setbuffer, (FILE * f, char *buf, size_t n), (f, buf, n), f)
VV_ALIAS(_IO_setbuffer, setbuffer);
QUIET_WRITER(setlinebuf, (FILE * f), (f), f)

/* Where to close a stream. Its lock goes away with it, so it is not held while parked. */
static enum vv__place closing_place(FILE *f)
{
	enum vv__place place = vv__output_place(f, true, 0);

	if (place != VV__HELD)
		return place;
	vv__stream_unlock(f, true);
	return VV__HERE;
}

/* What could not be flushed is lost, but the descriptor is closed all the same. */
static int close_failed(FILE *f)
{
	int error = errno;

	f->_IO_write_ptr = f->_IO_write_base;
	REAL(fclose)(f);
	errno = error;
	return EOF;
}

/* Waiting to flush makes the descriptor known again: it is forgotten afterwards. */
VV_EXPORT int fclose(FILE *f)
{
	struct vv_greenlet *g = vv__me();
	bool simple = vv__step_aside(g, stdio) || (nothing_to_flush(f, true) && !vv__stream_is_process(f));
	enum vv__place place = simple ? VV__HERE : vv__stream_is_process(f) ? VV__AWAY : closing_place(f);
	int fd = vv__stream_fd(f);

	if (fd >= 0)
		vv__fd_forget(fd);
	VV__STREAM_CALL(int, close_failed(f), REAL(fclose)(f), place, f, true);
}
VV_ALIAS(_IO_fclose, fclose);

/* The stream reads what the process's own file would say without Vervet's kernel threads. */
static FILE *with_own_threads(FILE *f, const char *path)
{
	int fd = vv__stream_fd(f), own = vv__procfile_own(path);

	if (vv__unlikely(own >= 0)) {
		vv__syscall(SYS_dup3, own, fd, vv__syscall(SYS_fcntl, fd, F_GETFD) ? O_CLOEXEC : 0);
		vv__syscall(SYS_close, own);
	}
	return f;
}

static FILE *open_stream(const char *path, const char *mode)
{
	int before = errno, fd;
	bool reads;
	FILE *result = REAL(fopen)(path, mode);

	if (vv__unlikely(!result && errno != ENOENT))
		return NULL;
	reads = mode[0] == 'r' && !strchr(mode, '+');
	if (vv__likely(result != NULL))
		return reads ? with_own_threads(result, path) : result;
	fd = reads ? vv__procfile_open(path, O_RDONLY | (strchr(mode, 'e') ? O_CLOEXEC : 0)) : -1;
	if (fd < 0)
		return NULL;
	errno = before;
	return fdopen(fd, mode);
}

/* A named pipe waits for its other end, inside libc. */
VV_EXPORT FILE *fopen(const char *path, const char *mode)
{
	enum vv__fd_kind kind = VV__FD_UNKNOWN;
	FILE *result;

	if (vv__step_aside(vv__me(), stdio) || !vv__open_blocks(AT_FDCWD, path, 0, &kind)) {
		result = open_stream(path, mode);
		if (result && kind != VV__FD_UNKNOWN)
			vv__fdinfo_remember(vv__stream_fd(result), kind);
		return result;
	}
	vv__hop();
	result = REAL(fopen)(path, mode);
	vv__hop_back();
	return result;
}
VV_ALIAS(_IO_fopen, fopen);
VV_ALIAS(fopen64, fopen);

VV_EXPORT FILE *freopen(const char *path, const char *mode, FILE *f)
{
	struct vv_greenlet *g = vv__me();
	int fd = vv__stream_fd(f);
	FILE *result;

	if (fd >= 0)
		vv__fd_forget(fd);
	if (vv__step_aside(g, stdio))
		return REAL(freopen)(path, mode, f);
	vv__hop();
	result = REAL(freopen)(path, mode, f);
	vv__hop_back();
	return result;
}
VV_ALIAS(freopen64, freopen);
