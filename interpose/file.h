/*
 * What other families ask of file.c.
 */
#ifndef VV_FILE_H
#define VV_FILE_H

#include "fdinfo.h"

/* True if opening path may wait for another process or a device: a named pipe, a modem. *kind: what it will give. */
bool vv__open_blocks(int dir, const char *path, int flags, enum vv__fd_kind *kind);

#endif
