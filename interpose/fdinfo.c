/*
 * The table behind fdinfo.h: two levels, leaves of one page that are made at the first need and never go away. Records
 * are read and written without locks; a number's record changes hands only as its descriptor does.
 */
#include "fdinfo.h"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define PIPEFS 0x50495045
#define MEM_MAJOR 1
#define KMSG_MINOR 11
#define MISC_MAJOR 10
#define FUSE_MINOR 229

struct vv__fdinfo *_Atomic vv__fdinfo_leaves[VV__FDINFO_LEAVES];
struct vv__fdinfo vv__fdinfo_none;
_Atomic uint32_t vv__fdinfo_epoch = 1;

struct vv__fdinfo *vv__fdinfo_make(int fd)
{
	struct vv__fdinfo *fresh, *leaf = NULL;
	unsigned i = (unsigned)fd / VV__FDINFO_LEAF;

	if (vv__unlikely(vv__self->bystands))
		return &vv__fdinfo_none;
	if (vv__fdinfo(fd) != &vv__fdinfo_none)
		return vv__fdinfo(fd);
	if (i >= VV__FDINFO_LEAVES || !(fresh = vv__pages(VV__FDINFO_LEAF * sizeof(*fresh))))
		return &vv__fdinfo_none;
	if (!atomic_compare_exchange_strong(&vv__fdinfo_leaves[i], &leaf, fresh))
		vv__syscall(SYS_munmap, fresh, VV__FDINFO_LEAF * sizeof(*fresh));
	return vv__fdinfo(fd);
}

static void forget_timeouts(struct vv__fdinfo *info)
{
	atomic_store_explicit(&info->timeout[0], 0, memory_order_relaxed);
	atomic_store_explicit(&info->timeout[1], 0, memory_order_relaxed);
}

static void set(struct vv__fdinfo *info, uint32_t epoch, enum vv__fd_kind kind, unsigned facts)
{
	atomic_store_explicit(&info->epoch, 0, memory_order_relaxed);
	atomic_store_explicit(&info->kind, kind, memory_order_relaxed);
	atomic_store_explicit(&info->facts, facts, memory_order_relaxed);
	atomic_store_explicit(&info->hint, 0, memory_order_relaxed);
	forget_timeouts(info);
	atomic_store_explicit(&info->epoch, epoch, memory_order_release);
}

void vv__fdinfo_born(int fd, enum vv__fd_kind kind, unsigned facts)
{
	struct vv__fdinfo *info = vv__fdinfo_make(fd);

	if (info != &vv__fdinfo_none)
		set(info, atomic_load(&vv__fdinfo_epoch), kind, facts);
}

void vv__fdinfo_forget(int fd)
{
	struct vv__fdinfo *info = vv__fdinfo(fd);

	if (info != &vv__fdinfo_none && !vv__self->bystands)
		set(info, 0, VV__FD_UNKNOWN, 0);
}

void vv__fdinfo_forget_range(unsigned first, unsigned last)
{
	unsigned fd, end = VV__FDINFO_LEAF * VV__FDINFO_LEAVES - 1;

	for (fd = first; fd <= last && fd <= end; fd++)
		if (vv__fdinfo((int)fd) == &vv__fdinfo_none)
			fd |= VV__FDINFO_LEAF - 1;
		else
			vv__fdinfo_forget((int)fd);
}

void vv__fdinfo_duped(int fd, int copy)
{
	struct vv__fdinfo *from = vv__fdinfo(fd), *to = vv__fdinfo_make(copy);

	if (from == to || to == &vv__fdinfo_none)
		return;
	if (from != &vv__fdinfo_none)
		atomic_fetch_or(&from->facts, VV__FD_DUPED);
	set(to, atomic_load(&from->epoch), vv__fdinfo_kind(from), vv__fdinfo_facts(from) | VV__FD_DUPED);
}

void vv__fdinfo_passed(int fd)
{
	struct vv__fdinfo *info = vv__fdinfo(fd);

	if (!vv__fdinfo_owned(info) || vv__self->bystands)
		return;
	if (vv__fdinfo_facts(info) & VV__FD_DUPED)
		vv__fdinfo_shared();
	atomic_store(&info->epoch, 0);
}

void vv__fdinfo_shared(void)
{
	if (atomic_fetch_add(&vv__fdinfo_epoch, 1) + 1 == 0)
		atomic_store(&vv__fdinfo_epoch, 1);
}

void vv__fdinfo_changed(int fd, unsigned add, unsigned remove)
{
	struct vv__fdinfo *info = vv__fdinfo_make(fd);

	if (info == &vv__fdinfo_none)
		return;
	if (vv__fdinfo_owned(info) && vv__fdinfo_facts(info) & VV__FD_DUPED)
		vv__fdinfo_shared();
	if (add & VV__FD_TIMEOUTS)
		forget_timeouts(info);
	atomic_fetch_and(&info->facts, (uint16_t)~remove);
	atomic_fetch_or(&info->facts, (uint16_t)add);
}

static enum vv__fd_kind socket_kind(int fd)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(type);

	if (vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_STREAM)
		return VV__FD_PACKET;
	len = sizeof(domain);
	vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain == AF_INET || domain == AF_INET6 ? VV__FD_TCP : VV__FD_STREAM;
}

static enum vv__fd_kind device_kind(int fd, dev_t device)
{
	char termios[256];

	if (major(device) == MEM_MAJOR && minor(device) != KMSG_MINOR)
		return VV__FD_INLINE;
	if (device == makedev(MISC_MAJOR, FUSE_MINOR))
		return VV__FD_FUSE;
	return vv__syscall(SYS_ioctl, fd, TCGETS, termios) == 0 ? VV__FD_TTY : VV__FD_POLLED;
}

static enum vv__fd_kind mode_kind(int fd, const struct stat *st)
{
	struct statfs fs;

	switch (st->st_mode & S_IFMT) {
	case S_IFSOCK:
		return socket_kind(fd);
	case S_IFIFO:
		return !vv__syscall(SYS_fstatfs, fd, &fs) && fs.f_type == PIPEFS ? VV__FD_PIPE
										 : VV__FD_POLLED;
	case S_IFREG:
	case S_IFBLK:
		return VV__FD_DISK;
	case S_IFDIR:
		return VV__FD_INLINE;
	case S_IFCHR:
		return device_kind(fd, st->st_rdev);
	}
	return VV__FD_POLLED;
}

enum vv__fd_kind vv__fdinfo_remember(int fd, enum vv__fd_kind kind)
{
	struct vv__fdinfo *info = vv__fdinfo_make(fd);

	if (info != &vv__fdinfo_none)
		atomic_store_explicit(&info->kind, kind, memory_order_relaxed);
	return kind;
}

enum vv__fd_kind vv__fdinfo_classify(int fd)
{
	struct stat st;

	if (vv__syscall(SYS_fstat, fd, &st))
		return VV__FD_INLINE; /* closed: the real call says so */
	return vv__fdinfo_remember(fd, mode_kind(fd, &st));
}

static bool in_memory(unsigned long file_system)
{
	switch (file_system) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case HUGETLBFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
		return true;
	}
	return false;
}

/*
 * File systems without a block device (/proc, tmpfs, FUSE ...), by their minor numbers: what the files there have turned
 * out to be. One that goes makes room for another, which may then be taken for it: reads of that are slow, or are handed
 * over.
 */
enum { KNOWN = 64, KIND_BITS = 8 };
static _Atomic uint64_t known[KNOWN];

static void know(dev_t device, enum vv__fd_kind kind)
{
	uint64_t m = minor(device);

	if (!major(device))
		atomic_store(&known[m % KNOWN], m << KIND_BITS | kind);
}

static enum vv__fd_kind known_of(dev_t device)
{
	uint64_t m = minor(device), k = atomic_load(&known[m % KNOWN]);

	return k >> KIND_BITS == m ? k & ((1 << KIND_BITS) - 1) : VV__FD_UNKNOWN;
}

enum vv__fd_kind vv__fdinfo_classify_file(int fd)
{
	enum vv__fd_kind kind;
	struct statfs fs;
	struct stat st;

	if (vv__syscall(SYS_fstatfs, fd, &fs))
		return VV__FD_INLINE;
	kind = in_memory(fs.f_type) ? VV__FD_INLINE : VV__FD_SLOW;
	if (!vv__syscall(SYS_fstat, fd, &st) && S_ISREG(st.st_mode))
		know(st.st_dev, kind);
	return vv__fdinfo_remember(fd, kind);
}

enum vv__fd_kind vv__fdinfo_kind_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return major(st->st_dev) ? VV__FD_DISK : known_of(st->st_dev);
	case S_IFBLK:
		return VV__FD_DISK;
	case S_IFDIR:
		return VV__FD_INLINE;
	}
	return VV__FD_UNKNOWN;
}

bool vv__fd_writes_through(int fd)
{
	unsigned facts = vv__fdinfo_facts(vv__fdinfo(fd));
	long flags;

	if (!(facts & (VV__FD_SYNC | VV__FD_ASYNC))) {
		flags = vv__syscall(SYS_fcntl, fd, F_GETFL);
		facts = flags >= 0 && flags & (O_DIRECT | O_DSYNC | O_SYNC) ? VV__FD_SYNC : VV__FD_ASYNC;
		vv__fdinfo_changed(fd, facts, 0);
	}
	return facts & VV__FD_SYNC;
}

bool vv__fd_nonblocking(int fd)
{
	struct vv__fdinfo *info = vv__fdinfo(fd);
	long flags;

	if (vv__fdinfo_owned(info))
		return vv__fdinfo_facts(info) & VV__FD_NONBLOCK;
	flags = vv__syscall(SYS_fcntl, fd, F_GETFL);
	return flags >= 0 && flags & O_NONBLOCK;
}

bool vv__fd_has_room(int fd)
{
	long size = vv__syscall(SYS_fcntl, fd, F_GETPIPE_SZ);
	int used = 0;

	return size > 0 && vv__syscall(SYS_ioctl, fd, FIONREAD, &used) == 0 && used < size;
}

static int64_t ask_timeout(int fd, int option)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	if (vv__syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &tv, &len))
		return 0;
	return (int64_t)tv.tv_sec * 1000000000 + tv.tv_usec * 1000;
}

int64_t vv__fd_timeout(int fd, int option)
{
	struct vv__fdinfo *info = vv__fdinfo(fd);
	_Atomic uint32_t *noted = &info->timeout[option != SO_RCVTIMEO];
	bool owned = vv__fdinfo_owned(info);
	uint32_t us = atomic_load_explicit(noted, memory_order_relaxed);
	int64_t ns;

	if (owned && !(vv__fdinfo_facts(info) & VV__FD_TIMEOUTS))
		return 0;
	if (owned && us)
		return (int64_t)(us - 1) * 1000;
	ns = ask_timeout(fd, option);
	if (owned && ns / 1000 < UINT32_MAX)
		atomic_store_explicit(noted, (uint32_t)(ns / 1000) + 1, memory_order_relaxed);
	return ns;
}
