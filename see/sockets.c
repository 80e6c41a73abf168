/*
 * What a descriptor is, in words: a socket's addresses from the tables of the process's own network namespace.
 */
#include "see.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct socket_entry {
	unsigned long inode;
	char *text;
};

static struct socket_entry *sockets;
static size_t count, room;

static void add_socket(unsigned long inode, const char *text)
{
	if (count == room) {
		void *more = realloc(sockets, (room * 2 + 256) * sizeof(*sockets));

		if (!more)
			return;
		sockets = more;
		room = room * 2 + 256;
	}
	sockets[count].inode = inode;
	sockets[count].text = strdup(text);
	count += sockets[count].text != NULL;
}

/* An address as the kernel prints it: each 32-bit word of it in the machine's order. */
static void address_text(const char *hex, unsigned port, char *text, size_t n)
{
	uint32_t words[4] = {0};
	char address[INET6_ADDRSTRLEN];
	bool six = strlen(hex) > 8;

	for (int i = 0; i < (six ? 4 : 1); i++) {
		char word[9] = {0};

		memcpy(word, hex + (size_t)i * 8, 8);
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	inet_ntop(six ? AF_INET6 : AF_INET, words, address, sizeof(address));
	snprintf(text, n, six ? "[%s]:%u" : "%s:%u", address, port);
}

static void read_inet(int pid, const char *protocol)
{
	char path[64], line[512], from[40], to[40], local[80], peer[80], text[256];
	unsigned from_port, to_port, state;
	unsigned long inode;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, protocol);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*d: %39[0-9A-F]:%x %39[0-9A-F]:%x %x %*s %*s %*s %*s %*s %lu", from,
			&from_port, to, &to_port, &state, &inode) != 6 ||
		    !inode)
			continue;
		address_text(from, from_port, local, sizeof(local));
		address_text(to, to_port, peer, sizeof(peer));
		if (to_port)
			snprintf(text, sizeof(text), "%.3s %s <- %s", protocol, local, peer);
		else
			snprintf(text, sizeof(text), "%.3s %s", protocol, local);
		add_socket(inode, text);
	}
	if (f)
		fclose(f);
}

static void read_unix(int pid)
{
	char path[64], line[512], text[256];
	unsigned long inode;
	int at = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/unix", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%*[^:]: %*s %*s %*s %*s %*s %lu %n", &inode, &at) != 1)
			continue;
		snprintf(text, sizeof(text), "unix %s", line[at] ? line + at : "socket");
		add_socket(inode, text);
	}
	if (f)
		fclose(f);
}

static int by_inode(const void *a, const void *b)
{
	unsigned long x = ((const struct socket_entry *)a)->inode,
		      y = ((const struct socket_entry *)b)->inode;

	return x < y ? -1 : x > y;
}

static const char *find_socket(int pid, unsigned long inode)
{
	static bool have_read;
	struct socket_entry key = {inode, NULL}, *found;

	if (!have_read) {
		static const char *const protocols[] = {"tcp", "tcp6", "udp", "udp6", "raw", "raw6"};

		for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
			read_inet(pid, protocols[i]);
		read_unix(pid);
		qsort(sockets, count, sizeof(*sockets), by_inode);
		have_read = true;
	}
	found = bsearch(&key, sockets, count, sizeof(key), by_inode);
	return found ? found->text : NULL;
}

void descriptor_text(const struct target *t, int fd, char *text, size_t n)
{
	char path[64], target[PATH_MAX];
	const char *socket = NULL;
	unsigned long inode;
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->pid, fd);
	len = readlink(path, target, sizeof(target) - 1);
	target[len > 0 ? len : 0] = 0;
	if (sscanf(target, "socket:[%lu]", &inode) == 1)
		socket = find_socket(t->pid, inode);
	if (socket)
		snprintf(text, n, "%s (descriptor %d)", socket, fd);
	else
		snprintf(text, n, "descriptor %d%s%s", fd, *target ? " " : "", target);
}
