/*
 * Says which greenlet has exhausted its stack, if asked for (VERVET_OVERFLOW). A handler for SIGSEGV, only where the program
 * has none, on a stack that each carrier has for it: the exhausted one has no room for a signal frame. It reports and lets the
 * fault happen again, so the process ends as it would have.
 */
#include "hub.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

enum { SPARE = 64 * 1024, NEAR = 64 * 1024, PATIENCE = 300 };

static uintptr_t stack_pointer(const ucontext_t *u)
{
#ifdef __x86_64__
	return (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
#else
	return (uintptr_t)u->uc_mcontext.sp;
#endif
}

static void report(struct vv_greenlet *g)
{
	char which[48] = "--greenlet=";
	const char *const words[] = {
	    "dump", "--running", which, "--report=the one whose stack is exhausted", NULL};
	const struct timespec wait = {0, 10000000};
	long pid;

	vv__put_decimal(which + strlen(which), g->id);
	vv__log("stack exhausted: greenlet %lu%s%s has used its %lu KiB", g->id, g->name[0] ? " " : "",
	    g->name, g->stack_size >> 10);
	pid = vv__report_by_command(words);
	for (int i = 0; pid && i < PATIENCE && vv__syscall(SYS_kill, pid, 0) == 0; i++)
		vv__syscall(SYS_nanosleep, &wait, NULL); /* it looks at us */
}

static void fault(int signal, siginfo_t *info, void *context)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};
	uintptr_t sp = stack_pointer(context), at = (uintptr_t)info->si_addr;

	vv__hooks.sigaction(signal, &plain, NULL);
	if (vv__self && !vv__self->is_hub && info->si_code > 0 && at + NEAR > sp && at < sp + 4096)
		report(vv__self);
}

/* On the carrier's own kernel thread. */
void vv__overflow_carrier(struct vv__carrier *c)
{
	void *stack = vv__pages(SPARE);

	if (!stack)
		return;
	c->spare_stack = (stack_t){.ss_sp = stack, .ss_size = SPARE};
	vv__give_alt_stack(c, NULL);
}

void vv__overflow_carrier_ends(struct vv__carrier *c)
{
	void *stack = c->spare_stack.ss_sp;

	c->spare_stack = (stack_t){.ss_size = 0};
	vv__give_alt_stack(c, NULL);
	vv__syscall(SYS_munmap, stack, SPARE);
}

/* When the hub starts, on the kernel thread that the program has had so far. */
void vv__overflow_start(void)
{
	struct sigaction now, ours = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (!vv__hooks.sigaction || vv__hooks.sigaction(SIGSEGV, NULL, &now) || now.sa_handler != SIG_DFL)
		return;
	if (vv__self && vv__self->carrier && vv__self->carrier == vv__hub.carrier &&
	    !vv__self->alt_stack.ss_size)
		vv__overflow_carrier(vv__self->carrier);
	atomic_store(&vv__alt_stacks, 1);
	vv__hooks.sigaction(SIGSEGV, &ours, NULL);
}
