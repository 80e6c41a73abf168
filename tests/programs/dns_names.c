/* Name service from many threads: results and errors are each thread's own, h_errno and inet_ntoa's text too. */
#include "check.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>

enum { THREADS = 16 };

static void *look_up(void *arg)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
	char name[20], host[100], port[20], buf[1000];
	struct passwd entry, *user;
	struct group entry4, *group;
	struct servent entry2, *service;
	struct hostent entry3, *h;
	int error;
	long good = 0;

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "10.0.%ld.%d", (long)arg, i);
		expect(getaddrinfo(name, "80", &hints, &found) == 0);
		expect(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), port, sizeof(port),
			   NI_NUMERICHOST | NI_NUMERICSERV) == 0);
		good += !strcmp(host, name) && !strcmp(port, "80");
		freeaddrinfo(found);
		good += getaddrinfo("not a name", NULL, &hints, &found) == EAI_NONAME;
		expect(!getservbyname_r(i % 2 ? "http" : "smtp", "tcp", &entry2, buf, sizeof(buf), &service));
		good += service && service->s_port == htons(i % 2 ? 80 : 25);
		good += getpwnam_r("root", &entry, buf, sizeof(buf), &user) == 0 && user && user->pw_uid == 0;
		good +=
		    getgrgid_r(0, &entry4, buf, sizeof(buf), &group) == 0 && !strcmp(group->gr_name, "root");
		good += !getpwnam_r("nobody-of-that-name", &entry, buf, sizeof(buf), &user) && !user;
		h_errno = (int)(long)arg + 100;
		sched_yield();
		good += h_errno == (int)(long)arg + 100;
		expect(!gethostbyname_r(name, &entry3, buf, sizeof(buf), &h, &error));
		good += h && !strcmp(inet_ntoa(*(struct in_addr *)h->h_addr), name);
	}
	return (void *)good;
}

int main(void)
{
	pthread_t t[THREADS];
	long good = 0;

	for (long i = 0; i < THREADS; i++)
		t[i] = start(look_up, (void *)i);
	for (int i = 0; i < THREADS; i++)
		good += (long)join(t[i]);
	printf("good: %ld of %d\n", good, THREADS * 20 * 8);
	return 0;
}
