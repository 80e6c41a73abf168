/*
 * Two actors with inboxes: start, ping, pong, ping, pong ...
 */
#include "check.h"

enum { MESSAGES = 200 };

struct actor {
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	const char *inbox[4];
	int first, last;
	struct actor *peer;
	const char *says;
};

static struct actor ping = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER, .says = "ping"};
static struct actor pong = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER, .says = "pong"};

static void put(struct actor *to, const char *message)
{
	pthread_mutex_lock(&to->lock);
	to->inbox[to->last++ % 4] = message;
	pthread_cond_signal(&to->arrived);
	pthread_mutex_unlock(&to->lock);
}

static const char *get(struct actor *a)
{
	const char *message;

	pthread_mutex_lock(&a->lock);
	while (a->first == a->last)
		pthread_cond_wait(&a->arrived, &a->lock);
	message = a->inbox[a->first++ % 4];
	pthread_mutex_unlock(&a->lock);
	return message;
}

static void *run(void *arg)
{
	struct actor *me = arg;

	for (int i = 0; i < MESSAGES; i++) {
		printf("%s\n", get(me));
		put(me->peer, me->says);
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	ping.peer = &pong;
	pong.peer = &ping;
	pthread_t a = start(run, &ping), b = start(run, &pong);

	put(&ping, "start");
	join(a);
	join(b);
	return 0;
}
