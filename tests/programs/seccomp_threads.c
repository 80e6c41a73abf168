/* A program that limits its system calls to what it needs makes threads afterwards, which lock, wait, sleep and talk: with the
 * limit set by the only thread, and by one of several for all of them. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int sum, ends[2];

static void *work(void *arg)
{
	char c;

	expect(read(ends[0], &c, 1) == 1);
	sleep_ms(1);
	pthread_mutex_lock(&mutex);
	sum += c;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void threads_work(int n)
{
	pthread_t t[10];

	sum = 0;
	for (int i = 0; i < n; i++)
		t[i] = start(work, NULL);
	expect(write(ends[1], "\1\2\3\4\5\6\7\10\11\12", n) == n);
	pthread_mutex_lock(&mutex);
	while (sum < n * (n + 1) / 2)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < n; i++)
		join(t[i]);
	printf("%d threads: %d\n", n, sum);
}

/* Who makes one of these calls is killed. None is needed for threads. */
static void forbid(const int *calls, int n, unsigned flags)
{
	struct sock_filter f[20] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog program = {n + 3, f};

	for (int i = 0; i < n; i++)
		f[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], n - i, 0);
	f[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (flags)
		expect(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
	else
		expect(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void alone(void *unused)
{
	static const int calls[] = {SYS_set_tid_address, SYS_epoll_create1, SYS_epoll_pwait2, SYS_epoll_ctl,
	    SYS_eventfd2, SYS_timerfd_create, SYS_get_robust_list, SYS_rt_sigpending};

	(void)unused;
	forbid(calls, sizeof calls / sizeof *calls, 0);
	threads_work(10);
}

static void among_others(void *unused)
{
	static const int calls[] = {SYS_set_tid_address, SYS_get_robust_list};
	pthread_t t = start(work, NULL);

	(void)unused;
	sum = 0;
	forbid(calls, 2, SECCOMP_FILTER_FLAG_TSYNC);
	expect(write(ends[1], "\1", 1) == 1);
	join(t);
	threads_work(10);
}

static void tell_end(int status)
{
	printf("%s %d\n", WIFEXITED(status) ? "exit" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

int main(void)
{
	expect(pipe(ends) == 0);
	tell_end(in_child(alone, NULL));
	tell_end(in_child(among_others, NULL));
	return 0;
}
