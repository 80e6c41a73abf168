/*
 * An exception that leaves a thread ends the program with abort, whatever the other threads do.
 * vervet-status: SIGABRT
 */
#include <stdexcept>
#include <thread>
#include <unistd.h>

int main()
{
	std::thread sleeper([] { sleep(100); });
	std::thread thrower([] { throw std::runtime_error("nobody catches this"); });

	thrower.join();
	sleeper.join();
}
