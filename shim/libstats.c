/*
 * The summary of --stats: one line per process, when it ends.
 */
#include "../core/slice.h"
#include "../interpose/fanout.h"
#include "../core/trace.h"
#include "../interpose/interpose.h"

#define STAT(name) ((unsigned long)atomic_load_explicit(&vv__stats.name, memory_order_relaxed))

/* The kernel threads that carried greenlets: main's own is one of them. */
static unsigned long carriers(void)
{
	return 1 + STAT(carriers_peak);
}

/* Of a server whose connections were fanned out. */
static void report_fanout(void)
{
	if (!vv__fanout_stats.connections)
		return;
	vv__log("%s[%d]: fan-out: connections %lu, in flight at peak %lu, bytes copied %lu, largest slice %lu",
	    program_invocation_short_name, getpid(), (unsigned long)vv__fanout_stats.connections,
	    (unsigned long)vv__fanout_stats.peak, (unsigned long)atomic_load(&vv__slice_stats.copied),
	    (unsigned long)atomic_load(&vv__slice_stats.largest));
}

/* With the callers, which the command finds out; without it, what the loader knows. */
static void report_unhooked(void)
{
	static const char *const words[] = {"dump", "--unhooked", "--report=", NULL};
	const struct vv__unhooked *u = vv__unhooked(0);
	long pid = u ? vv__report_by_command(words) : 0;

	if (pid)
		vv__report_await(pid);
	for (int i = 0; !pid && (u = vv__unhooked(i)); i++) {
		Dl_info info = {.dli_fname = "?"};
		const char *base;

		dladdr((void *)u->pc, &info);
		base = strrchr(info.dli_fname, '/');
		vv__log("handed over while blocked in %s (%s): %lu times", info.dli_sname ? info.dli_sname : "?",
		    base ? base + 1 : info.dli_fname, u->count);
	}
}

void vv__stats_report(void)
{
	long stall_us = atomic_load(&vv__stats.longest_stall_ns) / 1000;

	if (vv__self && vv__self->bystands)
		return; /* vfork's child ends */
	vv__trace_end();
	if (!vv__config.stats)
		return;
	vv__log("%s[%d]: greenlets %lu (peak %lu), switches %lu, parks %lu, hops %lu, hand-overs %lu, lent %lu, "
		"carriers at peak "
		"%lu, shells %lu (recycled %lu), longest stall %ld us",
	    program_invocation_short_name, getpid(), STAT(created), STAT(peak), STAT(switches), STAT(parks),
	    STAT(hops), STAT(handovers), STAT(lent), carriers(), STAT(shells), STAT(recycled), stall_us);
	report_unhooked();
	report_fanout();
}

void vv__stats_report_exec(void)
{
	if (STAT(created))
		vv__stats_report();
}

__attribute__((destructor)) static void end(void)
{
	vv__stats_report();
}
