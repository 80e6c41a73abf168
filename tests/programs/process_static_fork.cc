// Fork from a constructor that runs before main; parent and child both go on to main, with threads.
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

static int in_thread(int n)
{
	int got = 0;
	std::thread t([&] { got = n; });

	t.join();
	return got;
}

static pid_t forked;

struct Early {
	Early()
	{
		int before = in_thread(1);

		int status = 0;

		forked = fork();
		if (forked)
			waitpid(forked, &status, 0);
		std::printf("constructor: %d %d, child: %d\n", before, in_thread(2), WEXITSTATUS(status));
	}
};

static Early early;

int main()
{
	std::printf("main: %d\n", in_thread(3));
	return forked ? 0 : 5;
}
