/*
 * The ground under the core: raw system calls, the raw-write log, short locks, memory that is not malloc's.
 * Nothing here parks, allocates through libc or touches errno.
 */
#include "core.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

int (*vv__libc_clock)(clockid_t clock, struct timespec *t) = clock_gettime;

int64_t vv__now(void)
{
	struct timespec t;

	vv__libc_clock(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

long vv__poll_once(struct pollfd *fds, unsigned long n)
{
	struct timespec zero = {0, 0};

	return vv__syscall(SYS_ppoll, fds, n, &zero, NULL, 8);
}

/* ---- locks ---- */

/*
 * A lock holds the number of the process generation that took it. After fork another kernel thread of the parent may
 * have been inside; in the child its number is that of an older generation, and counts as free. What these locks guard is
 * either rebuilt in the child or consistent after every single store.
 */
static _Atomic int generation = 1;

static void pause_a_little(int spins)
{
	if (spins >= 100)
		vv__syscall(SYS_sched_yield);
#ifdef __x86_64__
	else
		__builtin_ia32_pause();
#else
	else
		__asm__ volatile("yield");
#endif
}

void vv__lock(_Atomic int *lock)
{
	int mine = atomic_load_explicit(&generation, memory_order_relaxed);

	for (int spins = 0;; spins++) {
		int seen = atomic_load_explicit(lock, memory_order_relaxed);

		if (seen != mine && atomic_compare_exchange_weak_explicit(
					lock, &seen, mine, memory_order_acquire, memory_order_relaxed))
			return;
		pause_a_little(spins);
	}
}

void vv__locks_forked(void)
{
	atomic_fetch_add(&generation, 1);
}

void vv__unlock(_Atomic int *lock)
{
	atomic_store_explicit(lock, 0, memory_order_release);
}

/* ---- memory ---- */

/* A program that uses up all the memory it may have finds the hub provided for: libev would abort, a wait could not be
 * queued. What has been taken from here is never given out again; who unmaps it does no harm. */
static void *from_reserve(size_t bytes)
{
	enum { PAGE = 4096, RESERVE = 64 * PAGE, MOST = 16 * PAGE };
	static char reserve[RESERVE] __attribute__((aligned(PAGE)));
	static _Atomic size_t used;
	size_t at;

	bytes = (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
	if (bytes > MOST || atomic_load(&used) >= RESERVE)
		return NULL;
	at = atomic_fetch_add(&used, bytes);
	return at + bytes <= RESERVE ? reserve + at : NULL;
}

void *vv__pages_to_spare(size_t bytes)
{
	long p = vv__syscall(
	    SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void *vv__pages(size_t bytes)
{
	void *p = vv__pages_to_spare(bytes);

	return p ? p : from_reserve(bytes);
}

enum { SLAB_BYTES = 256 * 1024, SLAB_LEAST = 16 * 1024 };

static void *slab_fresh(struct vv__slab *s)
{
	size_t bytes = SLAB_BYTES;
	char *p;

	if (s->end - s->fresh < (ptrdiff_t)s->size) {
		p = vv__pages(bytes);
		if (!p)
			p = vv__pages(bytes = SLAB_LEAST);
		if (!p)
			return NULL;
		s->fresh = p;
		s->end = p + bytes;
	}
	p = s->fresh;
	s->fresh += s->size;
	return p;
}

void *vv__slab_get(struct vv__slab *s)
{
	void *p;

	vv__lock(&s->lock);
	p = s->free;
	if (p)
		s->free = *(void **)p;
	else
		p = slab_fresh(s);
	vv__unlock(&s->lock);
	if (p)
		memset(p, 0, s->size);
	return p;
}

void vv__slab_put(struct vv__slab *s, void *p)
{
	vv__lock(&s->lock);
	*(void **)p = s->free;
	s->free = p;
	vv__unlock(&s->lock);
}

/* ---- text ---- */

char *vv__put_decimal(char *to, unsigned long n)
{
	if (n >= 10)
		to = vv__put_decimal(to, n / 10);
	*to++ = (char)('0' + n % 10);
	*to = 0;
	return to;
}

/* ---- files of a kernel thread ---- */

/* Another pid namespace's /proc knows our threads by other numbers, or not at all. */
static bool proc_is_ours(void)
{
	char mine[24], there[24];
	long n = vv__syscall(SYS_readlinkat, AT_FDCWD, "/proc/self", there, sizeof there);

	return n == vv__put_decimal(mine, vv__syscall(SYS_getpid)) - mine && !memcmp(mine, there, n);
}

/*
 * Not below /proc/self/task: the kernel (6.18 at least) forgets what was looked up there once when the thread ends and
 * once, from the directory above, when the process does. Who waits for a process spins meanwhile for as long as its last
 * thread is at it, which is milliseconds on a busy machine.
 */
long vv__open_of_thread(int tid, const char *file)
{
	char path[64] = "/proc/";

	if (!proc_is_ours())
		return -ENOENT;
	strcpy(vv__put_decimal(path + strlen(path), tid), file);
	return vv__syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

/* ---- log ---- */

struct line {
	char text[1024];
	size_t n;
};

static void put(struct line *l, const char *s, size_t n)
{
	if (n > sizeof l->text - l->n)
		n = sizeof l->text - l->n;
	memcpy(l->text + l->n, s, n);
	l->n += n;
}

static void put_number(struct line *l, unsigned long v, unsigned base)
{
	char digits[24];
	int i = sizeof digits;

	do {
		digits[--i] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	put(l, digits + i, sizeof digits - i);
}

static void put_signed(struct line *l, long v)
{
	if (v < 0)
		put(l, "-", 1);
	put_number(l, v < 0 ? 0ul - (unsigned long)v : (unsigned long)v, 10);
}

static const char *put_conversion(struct line *l, const char *f, va_list *ap)
{
	bool is_long = *f == 'l';
	const char *s;
	char c;

	f += is_long;
	switch (*f) {
	case 's':
		s = va_arg(*ap, const char *);
		put(l, s ? s : "(null)", strlen(s ? s : "(null)"));
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put(l, &c, 1);
		break;
	case 'd':
		put_signed(l, is_long ? va_arg(*ap, long) : va_arg(*ap, int));
		break;
	case 'u':
		put_number(l, is_long ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned), 10);
		break;
	case 'x':
		put_number(l, is_long ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned), 16);
		break;
	case 'p':
		put(l, "0x", 2);
		put_number(l, (unsigned long)va_arg(*ap, void *), 16);
		break;
	default:
		put(l, f, 1);
	}
	return f + 1;
}

static void log_line(const char *format, va_list *ap)
{
	struct line l = {.n = 0};

	put(&l, "vervet: ", 8);
	while (*format) {
		if (*format != '%') {
			put(&l, format++, 1);
			continue;
		}
		format = put_conversion(&l, format + 1, ap);
	}
	put(&l, "\n", 1);
	vv__syscall(SYS_write, vv__config.report_fd, l.text, l.n);
}

void vv__log(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(format, &ap);
	va_end(ap);
}

void vv__die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(format, &ap);
	va_end(ap);
	for (;;) {
		vv__syscall(SYS_kill, vv__syscall(SYS_getpid), SIGABRT);
		vv__syscall(SYS_exit_group, 134);
	}
}
