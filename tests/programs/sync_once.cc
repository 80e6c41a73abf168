// pthread_once whose routine is left early: by an exception, by pthread_exit, by a cancellation, by a fork; the next
// caller runs it again, and whoever waits for it meanwhile is not forgotten. std::call_once likewise.
#include "check.h"

#include <mutex>
#include <sys/wait.h>

static pthread_once_t once;
static std::once_flag flag;
static struct turn turn = TURN;
static int attempts;

static void leaves_by_exception()
{
	if (++attempts < 3)
		throw attempts;
}

static void leaves_by_exit()
{
	if (++attempts == 1) {
		turn_set(&turn, 1);
		let_block();
		pthread_exit((void *)7);
	}
}

static void waits_to_be_cancelled()
{
	if (++attempts == 1) {
		turn_set(&turn, 1);
		for (;;)
			sleep_ms(1000);
	}
}

static void *calls(void *routine)
{
	pthread_once(&once, (void (*)())routine);
	return (void *)1;
}

static void reset()
{
	once = PTHREAD_ONCE_INIT;
	attempts = 0;
	turn.now = 0;
}

static void exceptions()
{
	for (int i = 0; i < 4; i++)
		try {
			pthread_once(&once, leaves_by_exception);
			printf("returned, %d attempts\n", attempts);
		} catch (int n) {
			printf("caught %d\n", n);
		}
	attempts = 0;
	for (int i = 0; i < 4; i++)
		try {
			std::call_once(flag, leaves_by_exception);
			printf("call_once returned, %d attempts\n", attempts);
		} catch (int n) {
			printf("call_once threw %d\n", n);
		}
}

static void two(void (*routine)(), bool cancel)
{
	pthread_t a, b;

	reset();
	a = start(calls, (void *)routine);
	turn_wait(&turn, 1);
	b = start(calls, (void *)routine);
	let_block();
	if (cancel)
		expect(pthread_cancel(a) == 0);
	void *first = join(a), *second = join(b);
	printf("%ld %ld, %d attempts\n", (long)first, (long)second, attempts);
}

static void *is_cut_off(void *)
{
	pthread_once(&once, [] {
		attempts++;
		turn_set(&turn, 1);
		turn_wait(&turn, 2);
	});
	return nullptr;
}

// The child has no thread that could finish what the parent's began.
static void forked()
{
	int status;

	reset();
	pthread_t t = start(is_cut_off, nullptr);
	turn_wait(&turn, 1);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(10);
		pthread_once(&once, [] { attempts += 10; });
		_exit(attempts);
	}
	expect(waitpid(pid, &status, 0) == pid);
	printf("child: signal %d, status %d\n", WTERMSIG(status), WEXITSTATUS(status));
	turn_set(&turn, 2);
	join(t);
	printf("parent: %d\n", attempts);
}

int main()
{
	exceptions();
	two(leaves_by_exit, false);
	two(waits_to_be_cancelled, true);
	forked();
	return 0;
}
