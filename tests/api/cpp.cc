/* From C++: exceptions inside greenlets, destructors of killed ones, thread_local. */
#include "check.h"

#include <memory>
#include <stdexcept>
#include <string>

static int destroyed;

struct counted {
	~counted()
	{
		destroyed++;
	}
};

static thread_local std::string name = "nobody";

static void *throw_and_catch(void *n)
{
	expect(name == "nobody");
	name = std::to_string((long)n);
	try {
		vv_sleep(VV_MS(1));
		throw std::runtime_error(name);
	} catch (const std::exception &e) {
		vv_yield();
		expect(e.what() == name);
	}
	return n;
}

static void *hold(void *)
{
	counted on_stack;
	auto on_heap = std::make_unique<counted>();

	vv_sleep(VV_S(1000));
	return nullptr;
}

int main()
{
	vv_greenlet *gs[20], *victim = vv_spawn(hold, nullptr);

	for (long i = 0; i < 20; i++)
		gs[i] = vv_spawn(throw_and_catch, (void *)i);
	expect(vv_joinall(gs, 20, 0, VV_FOREVER, nullptr) == 20);
	for (vv_greenlet *g : gs)
		expect(vv_greenlet_free(g) == 0);
	expect(vv_kill(victim, VV_FOREVER) == 0 && destroyed == 2);
	vv_greenlet_free(victim);
	expect(name == "nobody");
	for (int i = 0; i < 10 && vv_objects(); i++)
		vv_yield();
	expect(vv_objects() == 0);
	return 0;
}
