/*
 * Between the files of the process family, and for those who start the library.
 */
#ifndef VV_PROCESS_H
#define VV_PROCESS_H

#include "interpose.h"

/* Before the program runs: hides what a parent put into our environment, remembers what our children are to get. */
void vv__exec_start(char **env);
/* Before the program can register handlers of its own: ours run first in a forked child. */
void vv__fork_start(void);

/* g's signal mask; that of a greenlet in the middle of fork is the one that it will have again. */
uint64_t vv__mask_beside_fork(struct vv_greenlet *g);

/* Around a fork that runs no handlers. shares_files: parent and child have one table of descriptors. */
void vv__before_fork(void);
void vv__after_fork_parent(void);
void vv__after_fork_child(bool shares_files);

/* Around a call that spawns a process: it takes the kernel milliseconds, so it is made on a carrier. The main greenlet
 * stays: debuggers expect that the thread that forked is the one that traces. Async-signal-safe. */
bool vv__birth_begins(void);
void vv__birth_ends(bool hopped);

/* ---- clone.c ---- */

/* Whether SYS_clone (flags, stack) or SYS_clone3 (arguments, size) copies memory and stack: then it is a fork. */
bool vv__clone_forks(long number, unsigned long a, unsigned long b);
/* Such a call; they return as the kernel does. */
long vv__raw_clone(const long *a);
long vv__raw_clone3(const long *a);

/* ---- forker.c ---- */

/* Before anybody but main makes a child. Async-signal-safe, as all of these. */
void vv__forker_start(void);
/* g has made this child. */
void vv__forker_note(pid_t child, struct vv_greenlet *g);
/* The table is the parent's. */
void vv__forker_forget(void);
/* Who made this child, or null: unknown, or no more. */
struct vv_greenlet *vv__forker_of(pid_t child);

/* An environment for a new program: `env` itself, or a patched copy that vv__exec_env_free gives back. */
struct vv__exec_env {
	char **env;
	void *copy;
	size_t size;
};
struct vv__exec_env vv__exec_env(char *const env[]);
void vv__exec_env_free(struct vv__exec_env *e);
/* In vfork's child, which does not come back if exec succeeds: its parent will free it. */
void vv__vfork_keep(struct vv__exec_env *e);

/*
 * A fork of which the program learns nothing: no SIGCHLD, no wait of its own finds the child (clone without exit signal;
 * __WCLONE does). Registered handlers run. For a program with one thread. Returns as fork, or a negative errno.
 */
pid_t vv__fork_quietly(void);

#endif
