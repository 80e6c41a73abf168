/* Proves: poll for POLLIN | POLLPRI wakes for a lone urgent byte and for data; readers who do not ask for it are not disturbed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int here, there, go[2], done[2];

static void turn(void)
{
	char c;

	read(go[0], &c, 1);
}

/* What the other thread sends, when the first one is about to wait. */
static void *sender(void *arg)
{
	struct timespec moment = {0, 50000000};

	turn();
	nanosleep(&moment, NULL);
	send(there, "d", 1, 0);
	turn();
	nanosleep(&moment, NULL);
	send(there, "u", 1, MSG_OOB);
	turn();
	nanosleep(&moment, NULL);
	send(there, "v", 1, MSG_OOB);
	nanosleep(&moment, NULL);
	send(there, "e", 1, 0);
	turn();
	nanosleep(&moment, NULL);
	send(there, "w", 1, MSG_OOB);
	write(done[1], "", 1);
	return arg;
}

static void await(const char *what)
{
	struct pollfd p = {.fd = here, .events = POLLIN | POLLPRI};
	int n;

	write(go[1], "", 1);
	n = poll(&p, 1, 5000);
	printf("%s: %d%s%s\n", what, n, p.revents & POLLIN ? " in" : "", p.revents & POLLPRI ? " urgent" : "");
}

static void take(int flags)
{
	char c = '-';
	long n = recv(here, &c, 1, flags);

	printf("took %ld %c\n", n, c);
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t t;
	double begun;
	char c;

	bind(listener, (struct sockaddr *)&a, sizeof a);
	listen(listener, 1);
	getsockname(listener, (struct sockaddr *)&a, &len);
	there = socket(AF_INET, SOCK_STREAM, 0);
	connect(there, (struct sockaddr *)&a, sizeof a);
	here = accept(listener, NULL, NULL);
	if (pipe(go) || pipe(done))
		return 1;
	pthread_create(&t, NULL, sender, NULL);

	await("data");
	take(0);
	await("a lone urgent byte");
	take(MSG_OOB);

	begun = cpu();
	write(go[1], "", 1);
	take(0); /* the urgent byte does not end this */
	await("urgent data that came late");
	take(MSG_OOB);
	read(done[0], &c, 1);
	pthread_join(t, NULL);
	printf("%s\n", cpu() - begun < 0.04 ? "slept meanwhile" : "was busy meanwhile");
	return 0;
}
