/*
 * libstdc++ on top of pthreads: jthread and stop_token, future, promise, packaged_task, async, call_once with
 * exceptions, condition_variable_any, shared_mutex, timed mutexes, latch, barrier, semaphores, atomic wait.
 */
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static void stops()
{
	std::mutex m;
	std::condition_variable_any c;
	bool stopped = false;
	std::atomic<int> callbacks = 0;
	{
		std::jthread t([&](std::stop_token token) {
			std::stop_callback note(token, [&] { callbacks++; });
			std::unique_lock lock(m);
			c.wait(lock, token, [] { return false; });
			stopped = token.stop_requested();
			while (!callbacks) /* else note may be gone before it is its turn */
				std::this_thread::yield();
		});
		std::this_thread::sleep_for(5ms);
	}
	printf("jthread stopped %d, callbacks %d\n", stopped, callbacks.load());
}

static void futures()
{
	std::promise<int> promise;
	auto future = promise.get_future();
	std::thread t([&] {
		std::this_thread::sleep_for(5ms);
		promise.set_value(42);
	});
	printf("not yet: %d\n", future.wait_for(0s) == std::future_status::timeout);
	printf("future %d\n", future.get());
	t.join();

	auto failing = std::async(std::launch::async, []() -> int { throw std::logic_error("from async"); });
	try {
		failing.get();
	} catch (const std::logic_error &e) {
		printf("%s\n", e.what());
	}
	std::packaged_task<int(int)> task([](int x) { return x * 2; });
	auto doubled = task.get_future();
	std::thread(std::move(task), 21).join();
	printf("packaged %d\n", doubled.get());

	std::vector<std::future<int>> many;
	for (int i = 0; i < 20; i++)
		many.push_back(std::async(std::launch::async, [i] {
			std::this_thread::sleep_for(std::chrono::milliseconds(20 - i));
			return i;
		}));
	int sum = 0;
	for (auto &f : many)
		sum = sum * 3 + f.get();
	printf("many %d\n", sum);
	try {
		std::future<int> orphan;
		{
			std::promise<int> p;
			orphan = p.get_future();
		}
		orphan.get();
	} catch (const std::future_error &e) {
		printf("broken promise %d\n", e.code() == std::future_errc::broken_promise);
	}
}

static void once()
{
	std::once_flag flag;
	std::atomic<int> tries = 0, done = 0;
	std::vector<std::thread> threads;

	for (int i = 0; i < 8; i++)
		threads.emplace_back([&] {
			for (;;) {
				try {
					std::call_once(flag, [&] {
						std::this_thread::sleep_for(1ms);
						if (++tries < 4)
							throw std::runtime_error("not yet");
						done++;
					});
					return;
				} catch (const std::runtime_error &) {
				}
			}
		});
	for (auto &t : threads)
		t.join();
	printf("call_once: %d tries, done %d\n", tries.load(), done.load());
}

static void locks()
{
	std::shared_mutex rw;
	std::timed_mutex timed;
	std::recursive_mutex recursive;
	std::atomic<int> readers = 0;
	int value = 0;
	std::vector<std::jthread> threads;

	timed.lock();
	std::thread([&] { printf("timed out: %d\n", !timed.try_lock_for(5ms)); }).join();
	timed.unlock();
	{
		std::scoped_lock both(recursive, timed);
		std::lock_guard again(recursive);
	}
	for (int i = 0; i < 4; i++) {
		threads.emplace_back([&] {
			for (int n = 0; n < 200; n++) {
				std::unique_lock lock(rw);
				int before = value;
				if (n % 16 == 0)
					std::this_thread::yield();
				value = before + 1;
			}
		});
		threads.emplace_back([&] {
			for (int n = 0; n < 200; n++) {
				std::shared_lock lock(rw);
				readers += value >= 0;
			}
		});
	}
	threads.clear();
	printf("shared_mutex: %d writes, %d reads\n", value, readers.load());
}

static void rendezvous()
{
	enum { N = 6 };
	std::latch ready(N);
	int phases = 0;
	auto completed = [&]() noexcept { phases++; };
	std::barrier barrier(N, completed);
	std::counting_semaphore<N> slots(2);
	std::binary_semaphore finished(0);
	std::atomic<int> inside = 0, most = 0, word = 0;
	std::vector<std::jthread> threads;

	for (int i = 0; i < N; i++)
		threads.emplace_back([&] {
			ready.arrive_and_wait();
			for (int round = 0; round < 10; round++)
				barrier.arrive_and_wait();
			slots.acquire();
			int now = ++inside;
			for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);)
				;
			std::this_thread::sleep_for(1ms);
			inside--;
			slots.release();
			word.wait(0);
			if (++word == N + 1)
				finished.release();
		});
	ready.wait();
	std::this_thread::sleep_for(10ms);
	word = 1;
	word.notify_all();
	finished.acquire();
	threads.clear();
	printf("barrier phases %d, at most two inside %d, word %d\n", phases, most <= 2, word.load());
	printf("semaphore timed out: %d\n", !finished.try_acquire_for(3ms));
}

static void ping_pong()
{
	std::atomic<int> ball = 0;
	std::thread other([&] {
		for (int i = 0; i < 1000; i++) {
			ball.wait(2 * i);
			ball++;
			ball.notify_one();
		}
	});
	for (int i = 0; i < 1000; i++) {
		ball++;
		ball.notify_one();
		ball.wait(2 * i + 1);
	}
	other.join();
	printf("ball %d\n", ball.load());
}

int main()
{
	stops();
	futures();
	once();
	locks();
	rendezvous();
	ping_pong();
}
