/*
 * Files of greenlets under /proc, as file.c and stdio_out.c open them.
 */
#ifndef VV_PROCFILE_H
#define VV_PROCFILE_H

/* The kernel has said that there is no such path: a descriptor of a greenlet's file by that name, or -1. */
int vv__procfile_open(const char *path, int flags);

#endif
