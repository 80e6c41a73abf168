/*
 * How the command looks into a running patched process, from outside: nothing in it is stopped, no code runs in it, no
 * descriptor or thread of its is used, so it works while the hub is stuck. Tool and library are of one build and share
 * the structures of core/hub.h; vv_introspection says where they are.
 */
#ifndef VV_SEE_H
#define VV_SEE_H

#include "../core/introspect.h"
#include "../shim/vervet.h"

#include <stddef.h>
#include <stdio.h>

/* A copy of one greenlet's record and of what it points to. */
struct seen {
	struct vv_greenlet g;
	uintptr_t at;	      /* where it lies in the process */
	struct vv__wait wait; /* the innermost, if waits */
	bool waits;
	bool running; /* on a kernel thread, tid */
	int tid;
	char what[32]; /* of the wait, in words */
	int owner;     /* index of the greenlet that holds what it waits for, or -1 */
	int cycle;     /* number of the deadlock that it is part of, from 1; 0: none */
};

struct target {
	int pid;
	char name[32];
	struct vv__introspection in;
	struct vv__hub hub;
	struct vv__stats stats;
	int hub_tid;
	struct seen *all; /* oldest first */
	size_t n;
	int64_t now;
	int kernel_threads;
	int cycles;
};

/* target.c. Each returns 0 or a status, after complaining. */
int target_find(struct target *t, int pid);
int target_read(struct target *t);
/* The same without the greenlets: hub, statistics. */
int target_read_hub(struct target *t);
void target_free(struct target *t);
/* Bytes read, or -1. */
ssize_t target_memory(const struct target *t, uintptr_t at, void *to, size_t n);
/* Fill in owner and cycle. */
void target_locks(struct target *t);
/* The one word left, a process id in digits; or a status after complaining. */
int parse_pid(const char *command, char **words, int *pid);

/* text.c: states in words. */
enum { TEXT = 512 };
const char *state_word(const struct target *t, const struct seen *s);
void state_text(const struct target *t, const struct seen *s, char text[TEXT]);
void hub_text(const struct target *t, char text[TEXT]);
void greenlet_label(const struct seen *s, char text[64]);
/* "1.2 s", "3 min", from nanoseconds. */
void duration_text(int64_t ns, char text[32]);

/* A kernel thread's present system call (a running one has none). */
struct call {
	bool known;
	long number;
	unsigned long args[6], sp, pc;
};
const char *call_name(long number);
struct call present_call(const struct target *t, int tid);

/* sockets.c: what descriptor fd of the process is, in words. */
void descriptor_text(const struct target *t, int fd, char *text, size_t n);

/* unwind.c */
enum { FRAMES = 64 };
struct stack {
	int n;
	const char *frames[FRAMES]; /* kept until the end */
};
/* Stop kernel threads for a moment to see the stacks of greenlets that run? */
int unwind_begin(const struct target *t, bool stop_running);
/* Of a system call in the past, by the part of its stack that was kept. */
void unwind_kept(const struct target *t, const struct vv__unhooked *u, struct stack *out);
void unwind(const struct target *t, const struct seen *s, struct stack *out);
/* From where a copy was made of registers and stack. `in` gets the first function that is the program's own, in words. */
struct vv__site;
void unwind_site(const struct target *t, const struct vv__site *site, struct stack *out, char in[TEXT]);
/* The variable at an address, or null. Kept until the end. */
const char *variable_at(uint64_t address);

/* conflict.c: what --fan-out=check has found, described at that address of the process. */
int print_conflict(const struct target *t, uintptr_t at);

/* svg.c: a picture of the JSON that timeline wrote, times in milliseconds from its start. */
int draw_timeline(const char *json, const char *svg, double from_ms, double to_ms);

/* json.c */
void json_string(FILE *out, const char *s);

int dump_command(int argc, char **argv);
int top_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
int metrics_command(int argc, char **argv);
int timeline_command(int argc, char **argv);

#endif
