/* Terminals: lines read through streams by one thread while another writes, drains and changes settings; an open session
 * of a child on its own terminal (forkpty), its output and status. */
#include "check.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>

static void *type(void *arg)
{
	int master = (int)(long)arg;

	for (int i = 0; i < 3; i++) {
		let_block();
		expect(write(master, "typed\n", 6) == 6);
	}
	return NULL;
}

static void lines(void)
{
	int master, slave;
	struct termios t;
	char line[100];
	FILE *f;

	expect(!openpty(&master, &slave, NULL, NULL, NULL));
	pthread_t typist = start(type, (void *)(long)master);
	f = fdopen(slave, "r+");
	for (int i = 0; i < 3; i++) {
		expect(fgets(line, sizeof(line), f));
		printf("line %d: %s", i, line);
	}
	join(typist);
	tell(tcgetattr(slave, &t));
	t.c_lflag &= ~ECHO;
	tell(tcsetattr(slave, TCSADRAIN, &t));
	tell(tcsetattr(slave, TCSAFLUSH, &t));
	tell(tcsendbreak(slave, 0));
	tell(tcdrain(slave));
	tell(tcdrain(99));
	tell(tcsetattr(99, TCSADRAIN, &t));
	close(master);
	fclose(f);
}

static void session(void)
{
	int master, status;
	char all[200];
	size_t n = 0;
	ssize_t r;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0) {
		printf("tty %d\n", isatty(0) && isatty(1) && isatty(2));
		execl("/bin/sh", "sh", "-c", "read x; echo got $x; exit 5", NULL);
		_exit(1);
	}
	expect(write(master, "word\n", 5) == 5);
	while ((r = read(master, all + n, sizeof(all) - 1 - n)) > 0)
		n += r;
	all[n] = 0;
	printf("ended with %s\n", errno_name(errno));
	printf("%s%s", strstr(all, "tty 1") ? "a terminal\n" : "none\n",
	    strstr(all, "got word") ? "got word\n" : "");
	expect(waitpid(pid, &status, 0) == pid);
	printf("status %d\n", WEXITSTATUS(status));
	close(master);
}

static void *idle(void *arg)
{
	(void)arg;
	sleep_ms(300);
	return NULL;
}

int main(void)
{
	pthread_t t = start(idle, NULL);

	lines();
	fflush(stdout);
	session();
	join(t);
	return 0;
}
