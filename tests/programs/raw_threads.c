/*
 * What belongs to one thread, through syscall(): ids of users for the caller alone, policy, CPUs, nice values and signals
 * by the ids that gettid gives, handlers as the kernel's structure, and the id in the child of a raw clone.
 */
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct turn turn = TURN;
static pid_t id;
static volatile sig_atomic_t handled;

static void *asked_about(void *arg)
{
	(void)arg;
	id = gettid();
	turn_set(&turn, 1);
	turn_wait(&turn, 2);
	return (void *)(long)handled;
}

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (gettid() == id && info->si_value.sival_int == 7)
		handled++;
}

static void scheduling(void)
{
	struct sched_param param = {99};
	cpu_set_t cpus;
	long n;

	tell(syscall(SYS_sched_getscheduler, id));
	tell(syscall(SYS_sched_getparam, id, &param));
	printf("priority %d\n", param.sched_priority);
	n = syscall(SYS_sched_getaffinity, id, sizeof cpus, &cpus);
	expect(n > 0 && n == syscall(SYS_sched_getaffinity, 0, sizeof cpus, &cpus));
	tell(syscall(SYS_sched_setaffinity, id, n, &cpus));
	tell(syscall(SYS_setpriority, PRIO_PROCESS, id, 7));
	tell(syscall(SYS_getpriority, PRIO_PROCESS, id));
	tell(getpriority(PRIO_PROCESS, 0));
	tell(syscall(SYS_sched_getscheduler, 1 << 30));
}

static void signals(void)
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} act = {.handler = handler, .flags = SA_SIGINFO, .mask = 1ul << (SIGUSR2 - 1)}, old = {.mask = 5};
	siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 7};
	struct sigaction before;

	/* the kernel wants a return path, which libc's function provides */
	before.sa_handler = SIG_DFL;
	sigaction(SIGUSR1, NULL, &before);
	tell(syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 4L));
	sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = handler, .sa_flags = SA_SIGINFO}, NULL);
	tell(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8L));
	expect(old.handler == handler && old.flags & SA_SIGINFO && old.mask == 0);
	info.si_pid = getpid();
	info.si_uid = getuid();
	tell(syscall(SYS_rt_tgsigqueueinfo, getpid(), id, SIGUSR1, &info));
	tell(syscall(SYS_rt_sigpending, &act.mask, 8L));
	printf("pending: %lx\n", act.mask);
}

static void *other_user(void *arg)
{
	(void)arg;
	if (syscall(SYS_setresuid, -1, 12345, -1) == 0)
		expect(geteuid() == 12345);
	let_block(); /* the others run */
	return NULL;
}

static int in_clone(void *parent)
{
	return syscall(SYS_gettid) == (long)parent || gettid() == (long)parent || gettid() != getpid();
}

static void clones(void)
{
	static char stack[65536] __attribute__((aligned(64)));
	int status;
	pid_t pid = clone(in_clone, stack + sizeof stack, SIGCHLD, (void *)(long)gettid());

	expect(waitpid(pid, &status, 0) == pid);
	printf("clone: %d\n", status);
}

int main(void)
{
	uid_t me = geteuid();
	pthread_t t = start(asked_about, NULL);

	turn_wait(&turn, 1);
	scheduling();
	signals();
	turn_set(&turn, 2);
	printf("handled: %ld\n", (long)join(t));

	t = start(other_user, NULL);
	for (int i = 0; i < 10; i++) {
		expect(geteuid() == me);
		sched_yield();
	}
	join(t);
	expect(geteuid() == me);
	clones();
	return 0;
}
