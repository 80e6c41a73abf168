/* Row 4: nine requests to a server that takes 200 ms for each: one after the other, then at once. vervet-tries: 5 */
#include "say.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in address = {.sin_family = AF_INET};
static int answers;

static void *answer(void *socket)
{
	int fd = (int)(long)socket;
	char request[512];
	static const char reply[] = "HTTP/1.0 200 OK\r\nContent-Length: 17\r\n\r\n{\"datetime\": \"1\"}";

	if (read(fd, request, sizeof request) > 0) {
		usleep(200000);
		if (write(fd, reply, sizeof reply - 1) < 0)
			perror("write");
	}
	close(fd);
	return NULL;
}

static void *serve(void *socket)
{
	int fd;

	while ((fd = accept((int)(long)socket, NULL, NULL)) >= 0)
		vv_go(answer, NUMBER(fd));
	return NULL;
}

static void *fetch(void *pid)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char reply[512];
	ssize_t n, total = 0;

	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    write(fd, "GET / HTTP/1.0\r\n\r\n", 18) != 18)
		perror("fetch");
	while ((n = read(fd, reply + total, sizeof reply - 1 - total)) > 0)
		total += n;
	reply[total] = 0;
	answers += strstr(reply, "datetime") != NULL;
	close(fd);
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof address;
	struct vv_greenlet *gs[9];
	double start, sync, async;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 64) < 0)
		return 1;
	getsockname(listener, (struct sockaddr *)&address, &len);
	vv_go(serve, NUMBER(listener));
	start = now();
	for (long i = 1; i < 10; i++)
		fetch(NUMBER(i));
	sync = now() - start;
	say("Synchronous: %d", answers);
	start = now();
	for (long i = 1; i < 10; i++)
		gs[i - 1] = vv_spawn(fetch, NUMBER(i));
	join_and_free(gs, 9);
	async = now() - start;
	say("Asynchronous: %d", answers - 9);
	return sync < 1.8 || async > 0.9;
}
