/*
 * Threads started and joined in constructors of static objects, before main, and in destructors after it.
 */
#include <cstdio>
#include <mutex>
#include <thread>

struct Early {
	std::mutex m;
	int count = 0;

	Early()
	{
		std::thread t([this] { add(); });
		add();
		t.join();
		printf("before main: %d\n", count);
	}
	~Early()
	{
		std::thread t([this] { add(); });
		t.join();
		printf("after main: %d\n", count);
	}
	void add()
	{
		std::lock_guard lock(m);
		count++;
	}
};

static Early early;

int main()
{
	std::thread t([] { early.add(); });

	t.join();
	printf("in main: %d\n", early.count);
}
