/*
 * Signals and threads: masks per thread, pthread_kill reaches the one it names, a process's signal goes to one that
 * does not block it, pending ones come when unblocked, sigwait takes them without a handler, handlers run on the
 * thread they are for.
 */
#include "check.h"

#include <signal.h>

static struct turn turn = TURN;
static pthread_t handled_by;
static _Atomic int handled;
static __thread volatile int mine;

static void note(int signal)
{
	(void)signal;
	handled_by = pthread_self();
	mine++;
	handled++;
}

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static void await_handled(int n)
{
	while (handled < n)
		sched_yield();
}

static void *stays_until(void *arg)
{
	turn_wait(&turn, (int)(long)arg);
	return (void *)(long)mine;
}

static void directed(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		t[i] = start(stays_until, (void *)1L);
	let_block();
	for (int i = 0; i < 4; i++) {
		expect(pthread_kill(t[i], SIGUSR1) == 0);
		await_handled(i + 1);
		expect(pthread_equal(handled_by, t[i]));
	}
	tell_error(pthread_kill(t[0], 0));
	tell_error(pthread_kill(t[0], 999));
	turn_set(&turn, 1);
	for (int i = 0; i < 4; i++)
		printf("handled %ld\n", (long)join(t[i]));
}

static void *blocks(void *arg)
{
	sigset_t usr1 = set_of(SIGUSR1, 0), pending;

	(void)arg;
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	turn_set(&turn, 2);
	turn_wait(&turn, 3);
	sigpending(&pending);
	printf("pending %d, handled %d\n", sigismember(&pending, SIGUSR1), mine);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	printf("unblocked: handled %d\n", mine);
	return NULL;
}

static void masks(void)
{
	pthread_t t = start(blocks, NULL);
	int before = handled;

	turn_wait(&turn, 2);
	pthread_kill(t, SIGUSR1);
	pthread_kill(t, SIGUSR1); /* does not queue */
	let_block();
	expect(handled == before);
	turn_set(&turn, 3);
	join(t);

	/* main blocks it: the one thread that does not gets it */
	sigset_t usr1 = set_of(SIGUSR1, 0);
	before = handled;
	t = start(stays_until, (void *)4L);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	kill(getpid(), SIGUSR1);
	await_handled(before + 1);
	expect(pthread_equal(handled_by, t));
	turn_set(&turn, 4);
	join(t);
	kill(getpid(), SIGUSR1);
	sigpending(&usr1);
	printf("the process's is pending %d\n", sigismember(&usr1, SIGUSR1));
	usr1 = set_of(SIGUSR1, 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	expect(pthread_equal(handled_by, pthread_self()));
	printf("and comes to main\n");
}

static void *waits(void *arg)
{
	sigset_t set = set_of(SIGUSR2, SIGTERM);
	siginfo_t info;
	int got;

	switch ((long)arg) {
	case 0:
		expect(sigwait(&set, &got) == 0);
		return (void *)(long)got;
	case 1:
		return (void *)(long)sigwaitinfo(&set, &info);
	default:
		got = sigtimedwait(&set, &info, &(struct timespec){10, 0});
		expect(info.si_pid == getpid());
		return (void *)(long)got;
	}
}

static void waiting(void)
{
	sigset_t set = set_of(SIGUSR2, SIGTERM);
	struct timespec soon = {0, 10000000}, bad = {0, -1};
	union sigval value = {.sival_int = 42};
	siginfo_t info;

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (long i = 0; i < 3; i++) {
		pthread_t t = start(waits, (void *)i);
		let_block();
		if (i == 1)
			pthread_kill(t, SIGTERM);
		else
			kill(getpid(), SIGUSR2);
		printf("waited for %s\n", sigabbrev_np((int)(long)join(t)));
	}
	tell(sigtimedwait(&set, &info, &soon));
	tell(sigtimedwait(&set, &info, &bad));
	expect(sigqueue(getpid(), SIGTERM, value) == 0);
	tell(sigwaitinfo(&set, &info));
	printf("with %d\n", info.si_value.sival_int);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void queued(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	printf("queued %d\n", info->si_value.sival_int);
}

static void queue(void)
{
	struct sigaction action = {.sa_sigaction = queued, .sa_flags = SA_SIGINFO};
	sigset_t set = set_of(SIGRTMIN, 0);
	union sigval value;

	sigaction(SIGRTMIN, &action, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (value.sival_int = 0; value.sival_int < 4; value.sival_int++)
		pthread_sigqueue(pthread_self(), SIGRTMIN, value);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void *raises(void *arg)
{
	int before = mine;

	(void)arg;
	raise(SIGUSR1);
	return (void *)(long)(mine - before);
}

int main(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART}, old;

	tell(sigaction(SIGUSR1, &action, NULL));
	tell(sigaction(SIGKILL, &action, NULL));
	tell(sigaction(SIGUSR1, NULL, &old));
	printf("as installed: %d %d\n", old.sa_handler == note, (old.sa_flags & SA_RESTART) != 0);
	directed();
	masks();
	waiting();
	queue();
	printf("raised: %ld\n", (long)join(start(raises, NULL)));
	return 0;
}
