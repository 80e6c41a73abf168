// libstdc++'s synchronisation: mutexes, shared mutexes, condition variables with stop tokens, futures, latches,
// barriers, semaphores, atomics that wait. Futures and atomics sleep in raw futex calls.
#include "check.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static void futures()
{
	std::vector<std::future<int>> all;
	for (int i = 0; i < 10; i++)
		all.push_back(std::async(std::launch::async, [i] {
			std::this_thread::sleep_for(1ms * (10 - i));
			if (i == 7)
				throw i;
			return i * i;
		}));
	int sum = 0;
	for (auto &f : all)
		try {
			sum += f.get();
		} catch (int n) {
			printf("threw %d\n", n);
		}
	printf("futures %d\n", sum);

	std::promise<int> p;
	auto shared = p.get_future().share();
	printf("not yet %d\n", shared.wait_for(2ms) == std::future_status::timeout);
	printf("nor then %d\n", shared.wait_until(std::chrono::steady_clock::now() + 2ms) == std::future_status::timeout);
	std::thread a([&] { expect(shared.get() == 5); }), b([&] { expect(shared.get() == 5); });
	std::this_thread::sleep_for(2ms);
	p.set_value(5);
	a.join();
	b.join();
	std::packaged_task<int(int)> task([](int n) { return n + 1; });
	auto result = task.get_future();
	std::jthread(std::move(task), 41).detach();
	printf("task %d\n", result.get());
}

static void locks()
{
	std::timed_mutex timed;
	std::recursive_timed_mutex recursive;
	std::shared_timed_mutex shared;
	std::mutex one, two;
	std::lock_guard held(timed);
	std::lock_guard again(recursive);
	std::shared_lock reading(shared);
	std::thread([&] {
		printf("timed %d %d", timed.try_lock_for(2ms), timed.try_lock_until(std::chrono::system_clock::now() + 2ms));
		printf(" recursive %d", recursive.try_lock_for(2ms));
		printf(" shared %d %d\n", shared.try_lock_for(2ms), shared.try_lock_shared_for(2ms));
	}).join();
	expect(recursive.try_lock());
	recursive.unlock();

	long count = 0;
	std::vector<std::jthread> threads;
	for (int i = 0; i < 6; i++)
		threads.emplace_back([&, i] {
			for (int n = 0; n < 300; n++) {
				if (i % 2) {
					std::scoped_lock both(one, two);
					count++;
				} else {
					std::scoped_lock both(two, one);
					if (n % 50 == 0)
						std::this_thread::yield();
					count++;
				}
			}
		});
	threads.clear();
	printf("count %ld\n", count);
}

static void conditions()
{
	std::mutex m;
	std::condition_variable_any any;
	std::condition_variable cv;
	int ready = 0;
	std::jthread stopped([&](std::stop_token stop) {
		std::unique_lock lock(m);
		printf("stopped %d\n", !any.wait(lock, stop, [] { return false; }));
	});
	std::this_thread::sleep_for(2ms);
	stopped.request_stop();
	stopped.join();
	std::thread t([&] {
		std::unique_lock lock(m);
		cv.wait(lock, [&] { return ready == 1; });
		ready = 2;
		cv.notify_all();
	});
	{
		std::unique_lock lock(m);
		printf("waited %d\n", cv.wait_for(lock, 2ms, [&] { return ready == 2; }));
		ready = 1;
		cv.notify_one();
		printf("waited %d\n", cv.wait_for(lock, 10s, [&] { return ready == 2; }));
	}
	t.join();
}

static void counters()
{
	std::counting_semaphore<10> tokens(2);
	std::latch begin(1), end(6);
	std::atomic<int> inside{0}, ball{0}, rounds{0};
	std::barrier meet(6, [&]() noexcept { rounds++; });
	std::vector<std::jthread> threads;
	for (int i = 0; i < 6; i++)
		threads.emplace_back([&, i] {
			begin.wait();
			for (int n = 0; n < 50; n++) {
				tokens.acquire();
				expect(++inside <= 2);
				if (n % 10 == i)
					std::this_thread::sleep_for(20us);
				inside--;
				tokens.release();
				meet.arrive_and_wait();
			}
			for (int n = i; n < 120; n += 6) {
				for (int b = ball; b != n; b = ball)
					ball.wait(b);
				ball++;
				ball.notify_all();
			}
			end.count_down();
		});
	begin.count_down();
	end.wait();
	std::binary_semaphore none(0);
	printf("semaphore %d rounds %d ball %d\n", none.try_acquire_for(2ms), rounds.load(), ball.load());
}

int main()
{
	futures();
	locks();
	conditions();
	counters();
	return 0;
}
