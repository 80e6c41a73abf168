/*
 * Signals sent to threads while they lock, wait, sleep, read and take other signals by sigtimedwait: each queued signal is
 * handled once, by the thread it was sent to; no lock is interrupted, whatever may be says EINTR, and a semaphore that
 * handlers post has as many tokens as they have posted.
 */
#include "torture.h"

#include <semaphore.h>
#include <signal.h>

#define COUNTED SIGRTMIN /* restarts what it interrupts */
#define INTERRUPTS (SIGRTMIN + 1)
#define TAKEN (SIGRTMIN + 2) /* blocked */

static struct thread {
	pthread_t self;
	atomic_long sent, handled, queued, taken;
	atomic_int ready;
} all[MAX_THREADS];
static _Thread_local struct thread *me;
static atomic_int next, done;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t posted, tokens;
static int inside, pipes[2];

static void handle(int sig, siginfo_t *info, void *context)
{
	int before = errno;

	(void)sig, (void)context;
	insist(info->si_code == SI_QUEUE && info->si_value.sival_ptr == me);
	insist(pthread_equal(pthread_self(), me->self));
	me->handled++;
	insist(sem_post(&posted) == 0);
	errno = before;
}

static void send(struct dice *d)
{
	struct thread *t = &all[pick(d, threads)];
	union sigval value = {.sival_ptr = t};
	int kind = pick(d, 3);

	if (!t->ready)
		return;
	if (kind == 2) {
		t->queued++;
		insist(pthread_sigqueue(t->self, TAKEN, value) == 0);
	} else {
		t->sent++;
		insist(pthread_sigqueue(t->self, kind ? INTERRUPTS : COUNTED, value) == 0);
	}
	insist(pthread_kill(t->self, 0) == 0);
}

static void take_signal(long ns)
{
	struct timespec patience = {0, ns};
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, TAKEN);
	if (sigtimedwait(&set, &info, &patience) < 0) {
		insist(errno == EAGAIN || errno == EINTR);
		return;
	}
	insist(info.si_signo == TAKEN && info.si_value.sival_ptr == me);
	me->taken++;
}

static void lock(struct dice *d)
{
	struct timespec ts = in_us(CLOCK_REALTIME, pick(d, 300));
	int r;

	insist(pthread_mutex_lock(&mutex) == 0);
	insist(inside++ == 0);
	dawdle(d);
	if (pick(d, 3) == 0) {
		inside--;
		r = pthread_cond_timedwait(&never, &mutex, &ts);
		insist(r == 0 || r == ETIMEDOUT);
		inside++;
	}
	insist(--inside == 0);
	insist(pthread_mutex_unlock(&mutex) == 0);
}

static void step(struct dice *d)
{
	struct timespec ts = {0, pick(d, 200000)}, left;
	char c;

	switch (pick(d, 7)) {
	case 0:
		lock(d);
		break;
	case 1:
		insist((pick(d, 3) ? pthread_rwlock_rdlock(&rwlock) : pthread_rwlock_wrlock(&rwlock)) == 0);
		dawdle(d);
		insist(pthread_rwlock_unlock(&rwlock) == 0);
		break;
	case 2:
		while (sem_wait(&tokens) < 0)
			insist(errno == EINTR);
		dawdle(d);
		insist(sem_post(&tokens) == 0);
		break;
	case 3:
		ts = in_us(CLOCK_REALTIME, pick(d, 300));
		while (sem_timedwait(&tokens, &ts) < 0 && errno != ETIMEDOUT)
			insist(errno == EINTR);
		if (errno != ETIMEDOUT)
			sem_post(&tokens);
		break;
	case 4:
		insist(nanosleep(&ts, &left) == 0 ||
		       (errno == EINTR && left.tv_sec == 0 && left.tv_nsec <= ts.tv_nsec + 1000000));
		break;
	case 5:
		insist(write(pipes[1], "x", 1) == 1);
		while (read(pipes[0], &c, 1) < 0)
			insist(errno == EINTR);
		break;
	default:
		take_signal(pick(d, 200000));
	}
}

static void install(int sig, int flags)
{
	struct sigaction act = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | flags};

	insist(sigaction(sig, &act, NULL) == 0);
}

static void *work(void *dice)
{
	struct dice *d = dice;
	sigset_t set;

	me = &all[next++];
	me->self = pthread_self();
	sigemptyset(&set);
	sigaddset(&set, COUNTED);
	sigaddset(&set, INTERRUPTS);
	insist(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	me->ready = 1;
	for (long n = 0; n < operations; n++) {
		errno = 0;
		step(d);
		if (pick(d, 2))
			send(d);
	}
	done++;
	while (done < threads || me->handled < me->sent || me->taken < me->queued)
		take_signal(1000000);
	return NULL;
}

int main(int argc, char **argv)
{
	long handled = 0;
	sigset_t set;
	int value;

	begin(argc, argv);
	if (argc < 3)
		operations = 150;
	insist(sem_init(&posted, 0, 0) == 0 && sem_init(&tokens, 0, 2) == 0 && pipe(pipes) == 0);
	install(COUNTED, SA_RESTART);
	install(INTERRUPTS, 0);
	sigemptyset(&set);
	sigaddset(&set, COUNTED);
	sigaddset(&set, INTERRUPTS);
	sigaddset(&set, TAKEN);
	insist(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	run_all(threads, work);
	for (int i = 0; i < threads; i++) {
		insist(all[i].handled == all[i].sent && all[i].taken == all[i].queued);
		handled += all[i].handled;
	}
	insist(sem_getvalue(&posted, &value) == 0 && value == handled);
	insist(sem_getvalue(&tokens, &value) == 0 && value == 2);
	return 0;
}
