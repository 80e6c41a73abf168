/*
 * An iterative server whose handler waits in every way but for its connection: the first letter of the request says how.
 */
#include "server.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/wait.h>

static volatile sig_atomic_t rang;

static void ring(int sig)
{
	rang = sig;
}

static const char *wait_for(char how, int c)
{
	struct addrinfo *found;
	char line[64] = "";
	int status = -1, fd;
	FILE *f;

	switch (how) {
	case 'n':
		if (getaddrinfo("localhost", "80", NULL, &found))
			return "getaddrinfo";
		freeaddrinfo(found);
		return gethostbyname("localhost") ? "fine" : "gethostbyname";
	case 's':
		return system("sleep 0.3; exit 3") == 3 << 8 ? "fine" : "system";
	case 'p':
		f = popen("sleep 0.3; echo spoken", "r");
		if (!f || !fgets(line, sizeof line, f) || strcmp(line, "spoken\n"))
			return "popen";
		return pclose(f) == 0 ? "fine" : "pclose";
	case 'w':
		if (fork() == 0) {
			usleep(300000);
			_exit(4);
		}
		return wait(&status) > 0 && status == 4 << 8 ? "fine" : "wait";
	case 'f':
		fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
		if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) || flock(fd, LOCK_EX) ||
		    pread(fd, line, 9, 0) != 1)
			return "file";
		close(fd);
		return line[0] == 'x' ? "fine" : "contents";
	case 'a':
		alarm(1);
		return read(c, line, 1) < 0 && errno == EINTR && rang == SIGALRM ? "fine" : "alarm";
	}
	return "?";
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);
	struct sigaction a = {.sa_handler = ring};

	sigaction(SIGALRM, &a, NULL);
	for (;;) {
		int c = accept(l, NULL, NULL);
		char how;

		if (c < 0 && errno == EINTR)
			continue;
		if (c < 0)
			return 1;
		if (read(c, &how, 1) == 1) {
			const char *said = wait_for(how, c);

			if (write(c, said, strlen(said)) < 0)
				perror("write");
		}
		close(c);
	}
}
