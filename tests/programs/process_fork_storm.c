/* Fork from several threads at once while others exchange messages, sleep, hop and hold locks: every child ends well,
 * every message arrives. */
/* vervet-timeout: 60 */
#include "check.h"

#include <netdb.h>
#include <sys/wait.h>

enum { FORKERS = 8, FORKS = 60, TALKERS = 20, MESSAGES = 100 };

static _Atomic int stop;

static void *fork_some(void *arg)
{
	long good = 0;

	(void)arg;
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			void *p = malloc(100 + i);
			free(p);
			_exit(i % 50);
		}
		expect(pid > 0 && waitpid(pid, &status, 0) == pid);
		good += WIFEXITED(status) && WEXITSTATUS(status) == i % 50;
	}
	return (void *)good;
}

struct pair {
	int to[2], back[2];
};

static void *echo(void *arg)
{
	struct pair *p = arg;
	int n;

	for (int i = 0; i < MESSAGES; i++)
		expect(read(p->to[0], &n, sizeof(n)) == sizeof(n) &&
		       write(p->back[1], &n, sizeof(n)) == sizeof(n));
	return NULL;
}

static void *talk(void *arg)
{
	struct pair *p = arg;
	pthread_t other = start(echo, p);
	long good = 0;
	int n;

	for (int i = 0; i < MESSAGES; i++) {
		expect(write(p->to[1], &i, sizeof(i)) == sizeof(i) &&
		       read(p->back[0], &n, sizeof(n)) == sizeof(n));
		good += n == i;
	}
	join(other);
	return (void *)good;
}

static void *look_up(void *arg)
{
	(void)arg;
	while (!stop) {
		getservbyname("http", "tcp");
		free(malloc(1000));
		sleep_ms(1);
	}
	return NULL;
}

int main(void)
{
	pthread_t forkers[FORKERS], talkers[TALKERS], looker = start(look_up, NULL);
	struct pair pairs[TALKERS];
	long children = 0, messages = 0;

	for (int i = 0; i < TALKERS; i++) {
		expect(!pipe(pairs[i].to) && !pipe(pairs[i].back));
		talkers[i] = start(talk, &pairs[i]);
	}
	for (int i = 0; i < FORKERS; i++)
		forkers[i] = start(fork_some, NULL);
	for (int i = 0; i < FORKERS; i++)
		children += (long)join(forkers[i]);
	for (int i = 0; i < TALKERS; i++)
		messages += (long)join(talkers[i]);
	stop = 1;
	join(looker);
	printf("children %ld, messages %ld\n", children, messages);
	return 0;
}
