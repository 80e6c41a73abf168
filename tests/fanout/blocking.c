/*
 * An iterative server whose handler waits in every way but for its connection: the first letter of the request says how.
 */
#include "server.h"

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static volatile sig_atomic_t rang;

static void ring(int sig)
{
	rang = sig;
}

static void half(int fd)
{
	if (write(fd, "half ", 5) < 0)
		_exit(1);
	usleep(300000);
	if (write(fd, "whole", 5) < 0)
		_exit(1);
}

/* All of it, from a stream socket that is not TCP. */
static const char *wait_for_all(void)
{
	char line[16] = "";
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return "socketpair";
	pid = fork();
	if (pid == 0) {
		half(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	if (recv(pair[0], line, 10, MSG_WAITALL) != 10 || strcmp(line, "half whole"))
		return "recv";
	return waitpid(pid, NULL, 0) == pid && !close(pair[0]) ? "fine" : "waitpid";
}

static const char *wait_for_pipe(void)
{
	char path[64], line[16] = "";
	pid_t pid;
	int fd;

	snprintf(path, sizeof path, "/tmp/vervet-fanout-%d-%p", getpid(), (void *)malloc(1));
	if (mkfifo(path, 0600))
		return "mkfifo";
	pid = fork();
	if (pid == 0) {
		usleep(300000);
		half(open(path, O_WRONLY));
		_exit(0);
	}
	fd = open(path, O_RDONLY);
	unlink(path);
	if (read(fd, line, 5) != 5 || strcmp(line, "half "))
		return "open";
	return waitpid(pid, NULL, 0) == pid && !close(fd) ? "fine" : "waitpid";
}

/* "12 34" and the end of the line. */
static const char *wait_for_numbers(int c)
{
	FILE *f = fdopen(dup(c), "r");
	int a = 0, b = 0, n = fscanf(f, "%d %d", &a, &b), end = fgetc(f);

	fclose(f);
	return n == 2 && a == 12 && b == 34 && end == '\n' ? "fine" : "fscanf";
}

static const char *wait_for_names(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
	char host[100], service[100];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (getnameinfo((struct sockaddr *)&a, sizeof a, host, sizeof host, service, sizeof service, 0) ||
	    strcmp(host, "localhost"))
		return "getnameinfo";
	if (!gethostbyaddr(&a.sin_addr, sizeof a.sin_addr, AF_INET) || getpwnam("root")->pw_uid ||
	    strcmp(getpwuid(0)->pw_name, "root") || strcmp(getgrnam("root")->gr_name, "root") ||
	    getgrgid(0)->gr_gid)
		return "names";
	return "fine";
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
	case 'm':
		return wait_for_all();
	case 'o':
		return wait_for_pipe();
	case 'd':
		return wait_for_numbers(c);
	case 'h':
		return wait_for_names();
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
