/* posix_spawn with its actions and attributes, system, popen, pclose, wordexp, vfork, exec in all forms; beside a thread
 * that goes on meanwhile. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <wordexp.h>

static void show_status(const char *what, int status)
{
	if (WIFEXITED(status))
		printf("%s: status %d\n", what, WEXITSTATUS(status));
	else
		printf("%s: signal %s\n", what, sigabbrev_np(WTERMSIG(status)));
}

static void wait_show(const char *what, pid_t pid)
{
	int status;

	expect(waitpid(pid, &status, 0) == pid);
	show_status(what, status);
}

static void spawn(void)
{
	char *argv[] = {"sh", "-c", "cat; pwd; echo $X; kill -USR1 $$; exit 4", NULL}, *env[] = {"X=y", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	pid_t pid;
	int p[2];

	expect(!pipe(p));
	expect(write(p[1], "through a pipe\n", 15) == 15);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p[0], 0);
	posix_spawn_file_actions_addclose(&actions, p[1]);
	posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addchdir_np(&actions, "/usr");
	posix_spawnattr_init(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	expect(posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, env) == 0);
	close(p[0]);
	close(p[1]);
	wait_show("spawned", pid);
	tell_error(posix_spawnp(&pid, "no-such-program-here", NULL, NULL, argv, env));
	expect(posix_spawnp(&pid, "true", NULL, NULL, (char *[]){"true", NULL}, env) == 0);
	wait_show("spawned by name", pid);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
}

static void shells(void)
{
	char line[100];
	int (*volatile close_stream)(FILE *);
	wordexp_t w;
	FILE *f;

	show_status("system", system("sleep 0.05; exit 3"));
	show_status("system, killed", system("kill -TERM $$"));
	printf("there is a shell: %d\n", system(NULL));
	f = popen("echo one; sleep 0.05; echo two; exit 6", "r");
	while (fgets(line, sizeof(line), f))
		printf("popen: %s", line);
	show_status("pclose", pclose(f));
	f = popen("cat; sleep 0.05", "w");
	fprintf(f, "into a shell\n");
	show_status("pclose", pclose(f));
	f = popen("exit 9", "r");
	close_stream = (int (*volatile)(FILE *))fclose;
	show_status("fclose", close_stream(f));
	expect(wordexp("a $((1+2)) $(echo b)", &w, 0) == 0);
	printf("wordexp: %zu words, %s %s %s\n", w.we_wordc, w.we_wordv[0], w.we_wordv[1], w.we_wordv[2]);
	wordfree(&w);
}

static void vforks(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 12", NULL);
		_exit(1);
	}
	wait_show("vfork and exec", pid);
	pid = vfork();
	if (pid == 0) {
		sleep_ms(20);
		write(1, "child first\n", 12);
		_exit(13);
	}
	write(1, "parent second\n", 14);
	wait_show("vfork and exit", pid);
	pid = vfork();
	if (pid == 0)
		raise(SIGKILL);
	wait_show("vfork and death", pid);
}

enum { EXECS = 8 };

static void exec_by(int how)
{
	char *argv[] = {"sh", "-c", "echo $0 $1 ${X-no}", "name", "one", NULL}, *env[] = {"X=x", NULL};
	int fd;

	switch (how) {
	case 0:
		execl("/bin/sh", "sh", "-c", "echo $0 $1", "l", "one", NULL);
		break;
	case 1:
		execlp("sh", "sh", "-c", "echo $0 $1", "lp", "one", NULL);
		break;
	case 2:
		execle("/bin/sh", "sh", "-c", "echo $0 $X", "le", NULL, env);
		break;
	case 3:
		execv("/bin/sh", argv);
		break;
	case 4:
		execvp("sh", argv);
		break;
	case 5:
		execvpe("sh", argv, env);
		break;
	case 6:
		fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
		fexecve(fd, argv, env);
		break;
	case 7:
		execve("/no/such/program", argv, env);
		printf("execve: %s\n", errno_name(errno));
		execveat(AT_FDCWD, "/bin/sh", argv, env, 0);
		break;
	}
	_exit(1);
}

/* From a thread that is not main: the kernel makes it the process. */
static void *exec_here(void *arg)
{
	exec_by((int)(long)arg);
	return NULL;
}

static void execs(void)
{
	for (long i = 0; i < EXECS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (i % 2)
				join(start(exec_here, (void *)i));
			exec_by(i);
		}
		wait_show("exec", pid);
	}
}

int main(void)
{
	pthread_t ticker = start(tick_beside, NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	spawn();
	shells();
	vforks();
	execs();
	printf("ticks meanwhile: %s\n", ticks_beside(ticker, 20));
	return 0;
}
