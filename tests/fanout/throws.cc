/*
 * An iterative server in C++: handlers wait inside catch blocks, rethrow, keep thread_local state and destroy their locals.
 */
#include "server.h"

#include <stdexcept>
#include <string>

static thread_local char last[64]; /* its own: a string would share its memory */
static long alive;

struct connection {
	int fd;

	explicit connection(int fd) : fd(fd)
	{
		alive++;
	}
	~connection()
	{
		close(fd);
		alive--;
	}
	std::string line()
	{
		std::string s;
		char c;

		while (read(fd, &c, 1) == 1 && c != '\n')
			s += c;
		return s;
	}
	void say(const std::string &s)
	{
		if (write(fd, s.data(), s.size()) < 0)
			throw std::runtime_error("write");
	}
};

static void handle(int fd)
{
	connection c(fd);

	try {
		std::string first = c.line();

		snprintf(last, sizeof last, "%s", first.c_str());
		throw std::runtime_error(last);
	} catch (const std::exception &e) {
		std::string second = c.line(); /* the exception is alive meanwhile */
		try {
			throw;
		} catch (const std::runtime_error &again) {
			c.say(std::string(again.what()) + "/" + last + "/" + second + "\n");
		}
	}
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	for (;;) {
		int c = accept4(l, nullptr, nullptr, SOCK_CLOEXEC);

		if (c < 0)
			return 1;
		try {
			handle(c);
		} catch (const std::exception &) {
		}
	}
}
