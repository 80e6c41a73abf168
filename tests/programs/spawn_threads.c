/*
 * posix_spawn, system, popen and vfork from several threads at once.
 */
#include "check.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static void *run(void *arg)
{
	int n = (int)(long)arg, status;
	char command[100], line[100] = "";
	char *argv[] = {"sh", "-c", command, NULL};
	posix_spawn_file_actions_t actions;
	FILE *p;
	pid_t pid;

	snprintf(command, sizeof command, "sleep 0.0%d; exit %d", n % 3, n);
	switch (n % 4) {
	case 0:
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", 0, 0);
		expect(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ) == 0);
		posix_spawn_file_actions_destroy(&actions);
		expect(waitpid(pid, &status, 0) == pid);
		return (void *)(long)WEXITSTATUS(status);
	case 1:
		return (void *)(long)WEXITSTATUS(system(command));
	case 2:
		snprintf(command, sizeof command, "echo %d; read x; exit $x", n);
		p = popen("exit 0", "w");
		expect(p && pclose(p) == 0);
		p = popen(command, "r");
		expect(p && fgets(line, sizeof line, p) && atoi(line) == n);
		pclose(p);
		return (void *)(long)n;
	default:
		pid = vfork();
		if (pid == 0) {
			execv("/bin/sh", argv);
			_exit(127);
		}
		expect(waitpid(pid, &status, 0) == pid);
		return (void *)(long)WEXITSTATUS(status);
	}
}

int main(void)
{
	pthread_t t[12];
	pid_t pid;

	for (long i = 0; i < 12; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < 12; i++)
		printf("%ld ", (long)join(t[i]));
	printf("\n");
	char *argv[] = {"nothing", NULL};
	tell_error(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ));
	tell_error(posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ));
	return 0;
}
