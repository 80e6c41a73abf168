/*
 * Every kind of mutex (type, robust, inheriting, protecting, process-shared) says what it says plain: to its owner, to
 * another thread, around a condition wait, when it is destroyed, and after its owner has died.
 */
#include "check.h"

static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
    PTHREAD_MUTEX_ADAPTIVE_NP};
static const int protocols[] = {PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT, PTHREAD_PRIO_PROTECT};
static const char *const type_names[] = {"normal", "recursive", "errorcheck", "adaptive"};
static const char *const protocol_names[] = {"", " inheriting", " protecting"};

static struct timespec past = {1, 0}, before = {-1, 0}, bad = {1, 1000000000};
static pthread_mutex_t m;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;

static void say(const char *what, int r)
{
	printf(" %s %s", what, errno_name(r));
}

static bool held_by_me(int type, int r)
{
	return r == 0 && (type == PTHREAD_MUTEX_RECURSIVE);
}

static void *another(void *arg)
{
	bool may_unlock = *(bool *)arg;
	int r;

	printf("\n  another:");
	say("trylock", pthread_mutex_trylock(&m));
	say("past", pthread_mutex_timedlock(&m, &past));
	say("before", pthread_mutex_timedlock(&m, &before));
	say("bad", pthread_mutex_timedlock(&m, &bad));
	say("monotonic", pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &past));
	say("no clock", pthread_mutex_clocklock(&m, CLOCK_BOOTTIME, &past));
	if (may_unlock) {
		say("unlock", pthread_mutex_unlock(&m));
		r = pthread_cond_timedwait(&c, &m, &past);
		say("wait", r);
	}
	return NULL;
}

static void owner_says(int type, bool checks)
{
	int r;

	say("trylock", r = pthread_mutex_trylock(&m));
	if (held_by_me(type, r))
		say("unlock", pthread_mutex_unlock(&m));
	if (checks) {
		say("lock", r = pthread_mutex_lock(&m));
		if (held_by_me(type, r))
			say("unlock", pthread_mutex_unlock(&m));
	}
	say("past", r = pthread_mutex_timedlock(&m, &past));
	if (held_by_me(type, r))
		say("unlock", pthread_mutex_unlock(&m));
	say("consistent", pthread_mutex_consistent(&m));
}

static void *dies(void *arg)
{
	(void)arg;
	expect(pthread_mutex_lock(&m) == 0);
	return NULL;
}

static void after_death(bool repair)
{
	join(start(dies, NULL));
	printf("\n  %s:", repair ? "repaired" : "lost");
	say("trylock", pthread_mutex_trylock(&m));
	if (repair)
		say("consistent", pthread_mutex_consistent(&m));
	say("unlock", pthread_mutex_unlock(&m));
	say("lock", pthread_mutex_lock(&m));
	if (pthread_mutex_timedlock(&m, &past) == 0)
		say("again, unlock", pthread_mutex_unlock(&m));
	say("unlock", pthread_mutex_unlock(&m));
}

static int make(int type, int protocol, bool robust, bool shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setrobust(&attr, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setpshared(&attr, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	return pthread_mutex_init(&m, &attr);
}

static void try_one(int t, int p, bool robust, bool shared)
{
	bool checks = types[t] == PTHREAD_MUTEX_RECURSIVE || types[t] == PTHREAD_MUTEX_ERRORCHECK;
	bool refuses = checks || robust || p == 1;
	int r = make(types[t], protocols[p], robust, shared);

	printf("%s%s%s%s:", type_names[t], protocol_names[p], robust ? " robust" : "", shared ? " shared" : "");
	say("init", r);
	if (r) {
		puts("");
		return;
	}
	say("lock", r = pthread_mutex_lock(&m));
	if (r == 0) {
		owner_says(types[t], checks);
		join(start(another, &refuses));
		printf("\n  mine:");
		say("wait", pthread_cond_timedwait(&c, &m, &past));
		say("destroy", robust ? 0 : pthread_mutex_destroy(&m));
		say("unlock", pthread_mutex_unlock(&m));
		if (refuses)
			say("unlock", pthread_mutex_unlock(&m));
		if (robust) {
			after_death(true);
			after_death(false);
		}
	}
	puts("");
	pthread_mutex_destroy(&m);
}

int main(void)
{
	for (int t = 0; t < 4; t++)
		for (int p = 0; p < 3; p++)
			for (int robust = 0; robust < 2; robust++)
				for (int shared = 0; shared < 2; shared++)
					try_one(t, p, robust, shared);
	return 0;
}
