/*
 * Files of greenlets under /proc, as file.c and stdio_out.c open them.
 */
#ifndef VV_PROCFILE_H
#define VV_PROCFILE_H

/* The kernel has said that there is no such path: a descriptor of a greenlet's file by that name, or -1. */
int vv__procfile_open(const char *path, int flags);

/* A close-on-exec descriptor of the process's own stat or status, in which its threads are counted, or -1 if path is not theirs. */
int vv__procfile_own(const char *path);

#endif
