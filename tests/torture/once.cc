// pthread_once and std::call_once whose routines end in every way: they return, throw, leave the thread, are cancelled at a
// wait or in the middle of computing. One runs at a time; whoever fails, another runs it again; once it has returned
// nobody does; destructors in it run.
#include "torture.h"

#include <mutex>

namespace {

constexpr int ONCES = 40;

struct Once {
	pthread_once_t plain = PTHREAD_ONCE_INIT;
	std::once_flag standard;
	atomic_int inside{0}, done{0}, begun{0}, undone{0};
} onces[ONCES];

thread_local Once *mine;
thread_local dice *my_dice;

struct Inside {
	Inside()
	{
		insist(mine->inside++ == 0);
		insist(mine->done == 0);
		mine->begun++;
	}
	~Inside()
	{
		mine->undone++;
		mine->inside--;
	}
};

void routine(bool may_exit)
{
	Inside here;

	dawdle(my_dice);
	switch (pick(my_dice, 6)) {
	case 0:
		throw 7;
	case 1:
		if (may_exit)
			pthread_exit(nullptr);
		break;
	case 2:
		if (may_exit)
			usleep(pick(my_dice, 2000)); // is cancelled, or not
		break;
	case 3:
		pthread_testcancel();
		break;
	}
	insist(mine->done++ == 0);
}

void plain_routine()
{
	routine(true);
}

struct Life {
	dice d;
	Once *once;
	bool standard;
};

void *live(void *life)
{
	auto l = static_cast<Life *>(life);

	mine = l->once;
	my_dice = &l->d;
	for (int n = pick(my_dice, 3); n >= 0; n--)
		try {
			if (l->standard)
				std::call_once(mine->standard, routine, false);
			else
				insist(pthread_once(&mine->plain, plain_routine) == 0);
			insist(mine->done == 1);
		} catch (int seven) {
			insist(seven == 7);
		}
	return life;
}

void *work(void *d_)
{
	auto d = static_cast<dice *>(d_);

	for (int n = 0; n < ONCES; n++)
		for (int tries = 0; tries < 2 || !onces[n].done; tries++) {
			Life life = {{roll(d)}, &onces[n], n % 4 == 0};
			pthread_t t;
			void *value;

			insist(pthread_create(&t, nullptr, live, &life) == 0);
			dawdle(d);
			if (!life.standard && pick(d, 3) == 0)
				insist(pthread_cancel(t) == 0);
			insist(pthread_join(t, &value) == 0);
			insist(value == &life || value == nullptr || value == PTHREAD_CANCELED);
		}
	return nullptr;
}

} // namespace

int main(int argc, char **argv)
{
	begin(argc, argv);
	run_all(threads < 8 ? threads : 8, work);
	for (auto &o : onces)
		insist(o.done == 1 && o.inside == 0 && o.begun == o.undone);
	return 0;
}
