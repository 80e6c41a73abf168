/*
 * Threads that come and go and leave things behind: values of keys that set themselves again in their destructors, keys made
 * and deleted meanwhile, thread-local variables, errno, a signal mask, a cancellation state, a rounding mode, a locale. Each
 * value is destroyed as often as it has rounds, four at most, and the next thread finds nothing of the last one's.
 */
#include "torture.h"

#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>

enum { KEYS = 3, MADE = 6 };

static pthread_key_t keys[KEYS], endless;
static pthread_key_t made[MADE];
static pthread_rwlock_t making = PTHREAD_RWLOCK_INITIALIZER; /* read: the keys stay */
static atomic_long given, taken, endless_given, endless_taken;
static _Thread_local int zero, seven = 7;
static _Thread_local char many[300];
static locale_t other;

struct value {
	int rounds;
	pthread_key_t key;
};

static void again(void *value)
{
	struct value *v = value;

	insist(pthread_getspecific(v->key) == NULL);
	if (--v->rounds > 0) {
		pthread_setspecific(v->key, v);
		return;
	}
	taken++;
	free(v);
}

static void for_ever(void *value)
{
	endless_taken++;
	pthread_setspecific(endless, value);
}

static void give(pthread_key_t key, struct dice *d)
{
	struct value *v = malloc(sizeof *v);

	*v = (struct value){1 + pick(d, PTHREAD_DESTRUCTOR_ITERATIONS), key};
	insist(pthread_setspecific(key, v) == 0);
	given++;
}

static void find_nothing(void)
{
	sigset_t mask;
	int state, type;

	insist(errno == 0 && zero == 0 && seven == 7 && fegetround() == FE_TONEAREST);
	for (unsigned i = 0; i < sizeof many; i++)
		insist(many[i] == 0);
	for (int i = 0; i < KEYS; i++)
		insist(pthread_getspecific(keys[i]) == NULL);
	insist(pthread_getspecific(endless) == NULL);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	insist(!sigismember(&mask, SIGUSR1));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
	insist(state == PTHREAD_CANCEL_ENABLE && type == PTHREAD_CANCEL_DEFERRED);
	insist(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
}

static void leave_things(struct dice *d)
{
	sigset_t mask;

	errno = 1 + pick(d, 100);
	zero = 1;
	seven = pick(d, 100);
	memset(many, 1 + pick(d, 100), sizeof many);
	fesetround(pick(d, 2) ? FE_UPWARD : FE_TOWARDZERO);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	uselocale(other);
}

static void *live(void *dice)
{
	struct dice *d = dice;

	find_nothing();
	pthread_rwlock_rdlock(&making);
	for (int i = 0; i < MADE; i++) {
		insist(pthread_getspecific(made[i]) == NULL);
		insist(pthread_setspecific(made[i], d) == 0);
	}
	dawdle(d);
	for (int i = 0; i < MADE; i++)
		insist(pthread_getspecific(made[i]) == d);
	pthread_rwlock_unlock(&making);
	for (int i = 0; i < KEYS; i++)
		if (pick(d, 2))
			give(keys[i], d);
	if (pick(d, 4) == 0) {
		pthread_setspecific(endless, d);
		endless_given++;
	}
	dawdle(d);
	if (pick(d, 2))
		leave_things(d);
	if (pick(d, 3) == 0)
		pthread_exit(NULL);
	return NULL;
}

/* Values of a deleted key are nobody's, and a key of the same number starts anew. */
static void make_anew(struct dice *d)
{
	int i = pick(d, MADE);

	pthread_rwlock_wrlock(&making);
	insist(pthread_setspecific(made[i], d) == 0);
	insist(pthread_key_delete(made[i]) == 0);
	insist(pthread_key_create(&made[i], NULL) == 0);
	insist(pthread_getspecific(made[i]) == NULL);
	pthread_rwlock_unlock(&making);
}

static void *work(void *dice)
{
	struct dice *d = dice, theirs[4];
	pthread_t t[4];
	int n;

	for (long left = operations; left > 0; left--) {
		if (pick(d, 4) == 0)
			make_anew(d);
		n = 1 + pick(d, 4);
		for (int i = 0; i < n; i++) {
			theirs[i].state = roll(d);
			insist(pthread_create(&t[i], NULL, live, &theirs[i]) == 0);
		}
		for (int i = 0; i < n; i++)
			insist(pthread_join(t[i], NULL) == 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	if (argc < 3)
		operations = 20;
	other = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	insist(other != (locale_t)0 && pthread_key_create(&endless, for_ever) == 0);
	for (int i = 0; i < KEYS; i++)
		insist(pthread_key_create(&keys[i], again) == 0);
	for (int i = 0; i < MADE; i++)
		insist(pthread_key_create(&made[i], NULL) == 0);
	run_all(threads < 8 ? threads : 8, work);
	insist(given == taken && endless_taken == endless_given * PTHREAD_DESTRUCTOR_ITERATIONS);
	return 0;
}
