/*
 * C++ exceptions in two threads that interleave inside their catch blocks: what is current, what is rethrown, what is
 * uncaught belongs to each thread. Destructors run in order when pthread_exit or an exception unwinds.
 */
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

struct Turns {
	std::mutex m;
	std::condition_variable c;
	int turn = 0;

	void take(int who)
	{
		std::unique_lock lock(m);
		c.wait(lock, [&] { return turn == who; });
	}
	void pass(int next)
	{
		std::lock_guard lock(m);
		turn = next;
		c.notify_all();
	}
};

static Turns turns;

struct Noisy {
	std::string name;

	explicit Noisy(std::string n) : name(std::move(n))
	{
	}
	~Noisy()
	{
		usleep(100);
		printf("~%s, uncaught %d\n", name.c_str(), std::uncaught_exceptions());
	}
};

static void interleave(int who)
{
	std::string me = who ? "second" : "first";

	for (int round = 0; round < 3; round++) {
		try {
			turns.take(who);
			Noisy noisy(me + " in try");
			throw std::runtime_error(me + " throws in round " + std::to_string(round));
		} catch (const std::exception &e) {
			printf("%s caught: %s\n", me.c_str(), e.what());
			turns.pass(!who);
			turns.take(who);
			printf("%s still holds: %s\n", me.c_str(), e.what());
			try {
				try {
					throw std::string("inner of ") + me;
				} catch (const std::string &inner) {
					turns.pass(!who);
					turns.take(who);
					printf("%s\n", inner.c_str());
					throw;
				}
			} catch (const std::string &again) {
				printf("rethrown: %s\n", again.c_str());
			}
			try {
				throw;
			} catch (const std::runtime_error &outer) {
				printf("outer again: %s\n", outer.what());
			}
			turns.pass(!who);
		}
	}
}

static void *exits_deep(void *)
{
	Noisy outer("outer frame");
	try {
		Noisy inner("inner frame");
		pthread_exit((void *)9L);
	} catch (...) {
		printf("pthread_exit seen by catch (...)\n");
		throw;
	}
}

int main()
{
	std::thread a(interleave, 0), b(interleave, 1);
	pthread_t t;
	void *value;

	a.join();
	b.join();
	pthread_create(&t, nullptr, exits_deep, nullptr);
	pthread_join(t, &value);
	printf("value %ld\n", (long)value);

	std::exception_ptr kept;
	std::thread([&] {
		try {
			throw std::out_of_range("from another thread");
		} catch (...) {
			kept = std::current_exception();
		}
	}).join();
	try {
		std::rethrow_exception(kept);
	} catch (const std::out_of_range &e) {
		printf("carried over: %s\n", e.what());
	}
}
