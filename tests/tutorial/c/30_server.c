/* Row 30: a server that greets and counts; 100 clients at once. */
#include "say.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 100 };

static char texts[CLIENTS][64];
static int port;

static void handle(int socket, void *unused)
{
	char text[32];

	send(socket, "Hello from a telnet!\n", 21, 0);
	for (int i = 0; i < 5; i++)
		send(socket, text, sprintf(text, "%d\n", i), 0);
}

static void *client(void *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n, total = 0;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		perror("connect");
	while ((n = read(fd, (char *)text + total, 63 - total)) > 0)
		total += n;
	close(fd);
	return NULL;
}

int main(void)
{
	struct vv_server *server = vv_server_new("127.0.0.1", 0, 0, handle, NULL);
	struct vv_greenlet *gs[CLIENTS];
	int same = 0;

	vv_server_start(server);
	port = vv_server_port(server);
	for (int i = 0; i < CLIENTS; i++)
		gs[i] = vv_spawn(client, texts[i]);
	join_and_free(gs, CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		same += strcmp(texts[0], texts[i]) == 0;
	vv_server_free(server);
	printf("%d %d\n%s", same, same == CLIENTS, texts[0]);
	return 0;
}
