/*
 * What is left of a vector after a part has been transferred. The program's own vector is never written to.
 */
#ifndef VV_IOVEC_H
#define VV_IOVEC_H

#include "interpose.h"

struct vv__iovec {
	struct iovec *iov;
	int n;
	size_t bytes; /* sum of what is left */
	void *pages;  /* of a long vector */
	size_t pages_size;
	struct iovec few[8];
};

/* The kernel transfers no more in one call, to the page. */
enum { VV__MOST_BYTES = 0x7ffff000 };

/* How much a call with this vector may transfer. */
static inline size_t vv__iov_bytes(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	while (n--)
		sum += iov++->iov_len;
	return sum < VV__MOST_BYTES ? sum : VV__MOST_BYTES;
}

/* Leave out what is beyond v->bytes. */
static inline void vv__iovec_cut(struct vv__iovec *v)
{
	size_t left = v->bytes;

	for (int i = 0; i < v->n; i++) {
		if (v->iov[i].iov_len > left)
			v->iov[i].iov_len = left;
		left -= v->iov[i].iov_len;
	}
}

static inline int vv__iovec_init(struct vv__iovec *v, const struct iovec *iov, int n)
{
	size_t size = n * sizeof(*iov);

	v->pages = NULL;
	v->iov = v->few;
	if (size > sizeof(v->few)) {
		v->pages_size = size;
		v->iov = v->pages = vv__pages(size);
		if (!v->pages)
			return -ENOMEM;
	}
	memcpy(v->iov, iov, size);
	v->n = n;
	v->bytes = vv__iov_bytes(iov, n);
	if (vv__unlikely(v->bytes == VV__MOST_BYTES))
		vv__iovec_cut(v);
	return 0;
}

static inline void vv__iovec_free(struct vv__iovec *v)
{
	if (v->pages)
		vv__syscall(SYS_munmap, v->pages, v->pages_size);
}

/* done bytes have been transferred. */
static inline void vv__iovec_skip(struct vv__iovec *v, size_t done)
{
	v->bytes -= done;
	while (v->n && done >= v->iov->iov_len) {
		done -= v->iov->iov_len;
		v->iov++;
		v->n--;
	}
	if (v->n) {
		v->iov->iov_base = (char *)v->iov->iov_base + done;
		v->iov->iov_len -= done;
	}
}

#endif
