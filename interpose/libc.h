/*
 * All of libc's headers that declare what we interpose, and prototypes for the names that libc exports without
 * declaring them. A drifted prototype does not compile: REAL's type comes from here.
 */
#ifndef VV_LIBC_H
#define VV_LIBC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef _FORTIFY_SOURCE
#ifndef __NO_INLINE__
#define __NO_INLINE__ /* libc's headers define some functions inline: we define them ourselves */
#endif

/* The program may pass null where libc's headers promise that it does not. */
#include <sys/cdefs.h>
#undef __nonnull
#define __nonnull(parameters)
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* programs still use what is deprecated */

#include <aio.h>
#include <aliases.h>
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <gshadow.h>
#include <ifaddrs.h>
#include <limits.h>
#include <locale.h>
#include <mqueue.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <pwd.h>
#include <resolv.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <shadow.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fsuid.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <threads.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <utmp.h>
#include <utmpx.h>
#include <wchar.h>
#include <wordexp.h>

/* thread */
int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __cxa_thread_atexit_impl(void (*fn)(void *), void *object, void *dso);

/* signal */
int __sigpause(int sig_or_mask, int is_sig);
void __longjmp_chk(struct __jmp_buf_tag *env, int value);

/* stdio */
int __uflow(FILE *f);
int __underflow(FILE *f);
int __overflow(FILE *f, int c);
wint_t __wuflow(FILE *f);
wint_t __wunderflow(FILE *f);
wint_t __woverflow(FILE *f, wint_t c);
int _IO_peekc_locked(FILE *f);
char *__fgets_chk(char *s, size_t space, int size, FILE *f);
char *__fgets_unlocked_chk(char *s, size_t space, int size, FILE *f);
size_t __fread_chk(void *to, size_t space, size_t size, size_t n, FILE *f);
size_t __fread_unlocked_chk(void *to, size_t space, size_t size, size_t n, FILE *f);
char *gets(char *s);
char *__gets_chk(char *s, size_t space);
wchar_t *__fgetws_chk(wchar_t *s, size_t space, int n, FILE *f);
wchar_t *__fgetws_unlocked_chk(wchar_t *s, size_t space, int n, FILE *f);
int __isoc99_fscanf(FILE *f, const char *format, ...);
int __isoc99_scanf(const char *format, ...);
int __isoc99_vfscanf(FILE *f, const char *format, va_list ap);
int __isoc99_vscanf(const char *format, va_list ap);
int __isoc99_fwscanf(FILE *f, const wchar_t *format, ...);
int __isoc99_wscanf(const wchar_t *format, ...);
int __isoc99_vfwscanf(FILE *f, const wchar_t *format, va_list ap);
int __isoc99_vwscanf(const wchar_t *format, va_list ap);
int __printf_chk(int flag, const char *format, ...);
int __vprintf_chk(int flag, const char *format, va_list ap);
int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list ap);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
int __wprintf_chk(int flag, const wchar_t *format, ...);
int __vwprintf_chk(int flag, const wchar_t *format, va_list ap);
int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...);
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, va_list ap);
void __syslog_chk(int priority, int flag, const char *format, ...);
void __vsyslog_chk(int priority, int flag, const char *format, va_list ap);
int _IO_flush_all(void);
void _IO_flush_all_linebuffered(void);

/* dns */
int __getlogin_r_chk(char *name, size_t n, size_t space);

/* file */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

/* process */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);
/* socket, io, poll, fd */
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags, struct sockaddr *addr, socklen_t *len);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t room);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t room);

int capset(void *header, const void *data);

#endif
