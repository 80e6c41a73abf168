/*
 * thread_local objects: built on first use, destroyed at the end of their thread in reverse order, before key
 * destructors; those of main at exit, before statics. They may block, and use one another. One that a key destructor builds
 * is not destroyed.
 */
#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

static std::mutex printing;

struct Tracked {
	std::string name;

	explicit Tracked(const char *n) : name(n)
	{
		say("built");
	}
	~Tracked()
	{
		usleep(50);
		say("destroyed");
	}
	void say(const char *what)
	{
		std::lock_guard lock(printing);
		printf("%s %s\n", name.c_str(), what);
	}
};

static Tracked global("static");
static thread_local int plain = 3;
static thread_local Tracked first("first");
static thread_local Tracked second("second");
static thread_local std::vector<std::string> list{"a", "b"};

static void use(const char *tag)
{
	first.name += tag;
	second.name += tag;
	list.push_back(tag);
	plain += (int)list.size();
	std::lock_guard lock(printing);
	printf("%s %s %zu %d\n", first.name.c_str(), second.name.c_str(), list.size(), plain);
}

static void key_destructor(void *value)
{
	std::lock_guard lock(printing);
	printf("key destructor %s\n", (const char *)value);
}

struct UsesOther {
	~UsesOther()
	{
		first.say("used by a destructor");
	}
};

static void builds_late(void *)
{
	static thread_local Tracked late("late");
	late.say("used");
}

int main()
{
	pthread_key_t key, late_key;

	pthread_key_create(&late_key, builds_late);
	pthread_key_create(&key, key_destructor);
	use("-main");
	for (int i = 0; i < 3; i++) {
		std::thread([&] {
			pthread_setspecific(key, "of a thread");
			use("-thread");
		}).join();
	}
	for (int i = 0; i < 2; i++)
		std::thread([&] { pthread_setspecific(late_key, "late"); }).join();
	std::thread([] { printf("a thread that uses none\n"); }).join();
	std::thread([] {
		first.say("needed");
		static thread_local UsesOther other;
		(void)&other;
		pthread_exit(nullptr);
	}).join();

	std::vector<std::thread> many;
	int sum = 0;
	for (int i = 0; i < 20; i++) {
		many.emplace_back([&sum] {
			static thread_local struct Count {
				int *total = nullptr;
				~Count()
				{
					std::lock_guard lock(printing);
					++*total;
				}
			} count;
			count.total = &sum;
			std::this_thread::yield();
		});
	}
	for (auto &t : many)
		t.join();
	printf("destroyed in threads: %d\n", sum);
	return 0;
}
