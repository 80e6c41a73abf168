/*
 * Alternate signal stacks: a thread's own, but the kernel keeps them per kernel thread. The greenlet's is in its record;
 * once any greenlet has one, core gives every carrier the stack of the greenlet that it is about to run.
 */
#include "interpose.h"
#include "signal.h"

VV_EXPORT int sigaltstack(const stack_t *stack, stack_t *old)
{
	struct vv_greenlet *g = vv__me();
	int r = REAL(sigaltstack)(stack, old);

	if (r == 0 && stack && !g->is_hub)
		vv__note_alt_stack(g, stack);
	return r;
}

VV_EXPORT int sigstack(struct sigstack *stack, struct sigstack *old)
{
	struct vv_greenlet *g = vv__me();
	int r = REAL(sigstack)(stack, old);
	stack_t now;

	if (r == 0 && stack && !g->is_hub && REAL(sigaltstack)(NULL, &now) == 0)
		vv__note_alt_stack(g, &now);
	return r;
}

void vv__abandon_up_to(struct vv_greenlet *g, uintptr_t target)
{
	uintptr_t low = (uintptr_t)g->alt_stack.ss_sp;

	vv__abandon(g, target, low, low + g->alt_stack.ss_size);
}
