/*
 * Eight threads fork 500 times together while 50 others exchange messages in pairs: every child ends with its status,
 * every message arrives.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKERS = 8, FORKS = 500, TALKERS = 50, MESSAGES = 400 };

static _Atomic int forked, ended_well, arrived;
static int pairs[TALKERS / 2][2];

static void *fork_some(void *arg)
{
	int number, status;
	pid_t pid;

	while ((number = forked++) < FORKS) {
		pid = fork();
		if (pid == 0)
			_exit(number % 100);
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == number % 100)
			ended_well++;
	}
	return arg;
}

static void *talk(void *arg)
{
	int number = (int)(long)arg, fd = pairs[number / 2][number % 2], got, sent;

	for (int i = 0; i < MESSAGES; i++) {
		sent = number * MESSAGES + i;
		if (send(fd, &sent, sizeof sent, 0) == sizeof sent &&
		    recv(fd, &got, sizeof got, MSG_WAITALL) == sizeof got &&
		    got == (number ^ 1) * MESSAGES + i)
			arrived++;
	}
	return arg;
}

int main(void)
{
	pthread_t forkers[FORKERS], talkers[TALKERS];

	for (int i = 0; i < TALKERS / 2; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]))
			return 2;
	for (long i = 0; i < TALKERS; i++)
		pthread_create(&talkers[i], NULL, talk, (void *)i);
	for (int i = 0; i < FORKERS; i++)
		pthread_create(&forkers[i], NULL, fork_some, NULL);
	for (int i = 0; i < FORKERS; i++)
		pthread_join(forkers[i], NULL);
	for (int i = 0; i < TALKERS; i++)
		pthread_join(talkers[i], NULL);
	printf("%d children ended well, %d messages arrived\n", ended_well, arrived);
	return 0;
}
