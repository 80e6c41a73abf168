// A signal that a handler sends to its own thread, blocked by the handler's mask, arrives when the handler returns,
// although the thread only computes; one that another thread sends meanwhile, too.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t arrived, inside;
static atomic_int in_handler, sent;
static pthread_t main_thread;

static void on_arrival(int sig)
{
	arrived = inside ? -sig : sig;
}

static void on_alarm(int sig)
{
	(void)sig;
	inside = 1;
	pthread_kill(pthread_self(), SIGURG);
	inside = 0;
}

static void on_other(int sig)
{
	(void)sig;
	inside = 1;
	in_handler = 1;
	while (!sent)
		;
	inside = 0;
}

static void *sender(void *unused)
{
	while (!in_handler)
		usleep(1000);
	pthread_kill(main_thread, SIGURG);
	sent = 1;
	return unused;
}

static void handle(int sig, void (*f)(int), int masked)
{
	struct sigaction act = {.sa_handler = f};

	sigemptyset(&act.sa_mask);
	if (masked)
		sigaddset(&act.sa_mask, masked);
	sigaction(sig, &act, NULL);
}

static void compute_until_arrival(const char *what)
{
	struct itimerval soon = {{0, 0}, {0, 50000}};

	arrived = 0;
	setitimer(ITIMER_REAL, &soon, NULL);
	while (!arrived)
		;
	printf("%s: %s\n", what, arrived == SIGURG ? "after the handler" : "too early");
}

int main(void)
{
	pthread_t t;

	main_thread = pthread_self();
	handle(SIGURG, on_arrival, 0);
	handle(SIGALRM, on_alarm, SIGURG);
	pthread_create(&t, NULL, sender, NULL);
	compute_until_arrival("own");
	handle(SIGALRM, on_other, SIGURG);
	compute_until_arrival("other's");
	pthread_join(t, NULL);
	return 0;
}
