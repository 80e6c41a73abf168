/* A program started with an environment of its parent's making sees that environment and nothing else, also as a
 * grandchild, through shells, and after the parent cleared its own. */
#include "check.h"

#include <spawn.h>
#include <sys/wait.h>

static char *self;

static void show(const char *who)
{
	for (char **p = environ; *p; p++)
		if (strncmp(*p, "LD_PRELOAD=/", 12) && strncmp(*p, "VERVET_", 7))
			printf("%s: %s\n", who, *p);
		else
			printf("%s: sees what was not given to it\n", who);
	fflush(stdout);
}

static void *nothing(void *arg)
{
	(void)arg;
	return NULL;
}

static void run(char *argv[], char *env[])
{
	pid_t pid;
	int status;

	expect(posix_spawn(&pid, argv[0], NULL, NULL, argv, env) == 0);
	expect(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	char command[4200];

	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "leaf")) {
		show("leaf");
		return 0;
	}
	if (argc > 1) {
		show("child");
		join(start(nothing, NULL));
		execve("/proc/self/exe", (char *[]){self, "leaf", NULL}, (char *[]){"C=c", NULL});
		return 1;
	}
	join(start(nothing, NULL));
	run((char *[]){"/proc/self/exe", "child", NULL}, (char *[]){"A=a", "B=b", NULL});
	run((char *[]){"/usr/bin/env", "-i", "D=d", "/usr/bin/env", NULL}, environ);
	run((char *[]){"/usr/bin/env", "-i", "LD_PRELOAD=", "E=e", "/bin/sh", "-c", "echo shell: $E", NULL},
	    environ);
	expect(!chdir("/"));
	clearenv();
	setenv("F", "f", 1);
	snprintf(command, sizeof(command), "%s leaf", self);
	expect(system(command) == 0);
	expect(pclose(popen(command, "w")) == 0);
	show("main");
	return 0;
}
