/*
 * Memory of the program that need not be there. Where the kernel answers with EFAULT we must not fault, so addresses that
 * we look at in the kernel's place are tried first: rt_sigprocmask with an operation that does not exist reads a mask and
 * changes nothing, and it is a call that no sandbox forbids.
 */
#include "interpose.h"

enum { WORD = 8, PAGE = 4096, NO_OPERATION = 77 };

static bool word_readable(const void *p)
{
	return p && vv__syscall(SYS_rt_sigprocmask, NO_OPERATION, p, NULL, WORD) != -EFAULT;
}

bool vv__readable(const void *p, size_t n)
{
	uintptr_t first = (uintptr_t)p & -WORD, last = ((uintptr_t)p + n - 1) & -WORD;

	return word_readable((const void *)first) &&
	       (first / PAGE == last / PAGE || word_readable((const void *)last));
}

/* What is there is about to be overwritten: the present mask does no harm. */
static bool word_writable(void *p)
{
	return vv__syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, p, WORD) == 0;
}

int vv__copy_in(void *to, const void *from, size_t n)
{
	if (!vv__readable(from, n))
		return -EFAULT;
	memcpy(to, from, n);
	return 0;
}

int vv__copy_out(void *to, const void *from, size_t n)
{
	if (!word_writable(to) || !word_writable((char *)to + n - WORD))
		return -EFAULT;
	memcpy(to, from, n);
	return 0;
}
