/* What the kernel answers about signals, names and clocks, asked through syscall() and through libc: bad addresses are
 * EFAULT, clocks of CPU time are no clocks to sleep on, queues have limits, threads' ids are known. Alone, a program may
 * forbid itself everything but read, write and exit. */
#include "check.h"

#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char *const nowhere = (char *)8;
static _Atomic int tid, got, value;
static _Atomic bool done;

static void in_strict_mode(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		expect(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
		(void)!write(1, "strict\n", 7);
		syscall(SYS_exit, 7);
	}
	expect(waitpid(pid, &status, 0) == pid);
	printf("strict mode: %s %d\n", WIFEXITED(status) ? "exit" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void ask(void)
{
	struct timespec zero = {0, 0}, moment = {0, 1000};
	uint64_t usr1 = 1ull << (SIGUSR1 - 1);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nowhere, NULL, 8L));
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, nowhere, 8L));
	tell(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, NULL, 4L));
	tell(syscall(SYS_rt_sigprocmask, 9L, &usr1, NULL, 8L));
	tell(syscall(SYS_rt_sigtimedwait, nowhere, NULL, &zero, 8L));
	tell(syscall(SYS_rt_sigtimedwait, &usr1, NULL, nowhere, 8L));
	tell(syscall(SYS_rt_sigsuspend, nowhere, 8L));
	tell(sigtimedwait((sigset_t *)nowhere, NULL, &zero));
	tell(sigtimedwait(&set, NULL, (struct timespec *)nowhere));
	tell(sigtimedwait(&set, NULL, &moment));
	tell(sigsuspend((sigset_t *)nowhere));
	expect(!pthread_sigmask(SIG_BLOCK, &set, NULL) && !pthread_kill(pthread_self(), SIGUSR1));
	tell(sigtimedwait(&set, (siginfo_t *)nowhere, &zero));
	expect(!pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	tell(prctl(PR_SET_NAME, nowhere));
	tell(prctl(PR_GET_NAME, nowhere));
	tell(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0L, &moment, NULL));
	tell(syscall(SYS_clock_nanosleep, 99L, 0L, &moment, NULL));
	tell(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0L, &moment, NULL));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	value = info->si_value.sival_int;
	got++;
}

static void *receive(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	tid = (int)syscall(SYS_gettid);
	while (!done)
		sleep_ms(1);
	return arg;
}

static void queue_for_thread(void)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 42};
	struct rlimit limit, none;
	pthread_t t;

	expect(!sigaction(SIGUSR2, &act, NULL));
	t = start(receive, NULL);
	while (!tid)
		sched_yield();
	ask();
	tell(syscall(SYS_rt_sigqueueinfo, tid, SIGUSR2, &info));
	while (got < 1)
		sched_yield();
	info.si_value.sival_int = 43;
	tell(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGUSR2, &info));
	while (got < 2)
		sched_yield();
	printf("value %d\n", value);
	tell(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGUSR2, nowhere));

	expect(!getrlimit(RLIMIT_SIGPENDING, &limit));
	none = (struct rlimit){0, limit.rlim_max};
	expect(!setrlimit(RLIMIT_SIGPENDING, &none));
	tell(syscall(SYS_tgkill, getpid(), tid, SIGRTMIN));
	tell_error(pthread_kill(t, SIGRTMIN));
	expect(!setrlimit(RLIMIT_SIGPENDING, &limit));
	tell_error(pthread_kill(t, SIGRTMIN));
	done = true;
	pthread_join(t, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	in_strict_mode();
	ask();
	queue_for_thread();
	return 0;
}
