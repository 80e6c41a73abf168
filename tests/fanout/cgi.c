/*
 * An iterative server that starts a program for each request and waits for it: fork, exec, waitpid.
 */
#include "server.h"

#include <sys/wait.h>

static void run(int c, char *word)
{
	pid_t pid = fork();
	int status = -1;
	char line[64];

	if (pid == 0) {
		dup2(c, 1);
		close(c);
		execlp("printf", "printf", "hello %s\\n", word, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		status = -2;
	snprintf(line, sizeof line, "status %d\n", status);
	if (write(c, line, strlen(line)) < 0)
		return;
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	for (;;) {
		char word[64];
		int c = accept(l, NULL, NULL);
		ssize_t n;

		if (c < 0)
			return 1;
		n = read(c, word, sizeof word - 1);
		if (n > 0) {
			word[strcspn((word[n] = 0, word), "\n")] = 0;
			run(c, word);
		}
		close(c);
	}
}
