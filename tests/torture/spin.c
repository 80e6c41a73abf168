/*
 * Spin locks, of one process and shared by two, locked and tried while their holders compute, give way, sleep or take a
 * mutex: one holder at a time, and whoever spins never keeps the holder from running.
 */
#include "torture.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { LOCKS = 4 };

static struct all {
	struct {
		pthread_spinlock_t spin;
		atomic_int inside;
		long count;
	} locks[LOCKS];
	atomic_long taken;
} * all;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *dice)
{
	struct dice *d = dice;
	int i, r;

	for (long n = 0; n < operations; n++) {
		i = pick(d, LOCKS);
		if (pick(d, 4) == 0) {
			r = pthread_spin_trylock(&all->locks[i].spin);
			insist(r == 0 || r == EBUSY);
			if (r)
				continue;
		} else {
			insist(pthread_spin_lock(&all->locks[i].spin) == 0);
		}
		insist(all->locks[i].inside++ == 0);
		insist(pthread_spin_trylock(&all->locks[i].spin) == EBUSY);
		all->locks[i].count++;
		all->taken++;
		dawdle(d);
		if (pick(d, 20) == 0) {
			pthread_mutex_lock(&mutex);
			dawdle(d);
			pthread_mutex_unlock(&mutex);
		}
		all->locks[i].inside--;
		insist(pthread_spin_unlock(&all->locks[i].spin) == 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long count = 0;
	int status;
	pid_t pid;

	begin(argc, argv);
	bool two = seed % 3 == 0;
	if (argc < 3)
		operations = two ? 20 : 60;
	threads = two ? 2 : 2 + threads % 4;
	all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	insist(all != MAP_FAILED);
	for (int i = 0; i < LOCKS; i++)
		insist(pthread_spin_init(&all->locks[i].spin, PTHREAD_PROCESS_SHARED) == 0);
	pid = two ? fork() : 0;
	run_all(threads, work);
	if (pid == 0 && two)
		return 0;
	if (pid)
		insist(waitpid(pid, &status, 0) == pid && status == 0);
	for (int i = 0; i < LOCKS; i++) {
		count += all->locks[i].count;
		insist(pthread_spin_destroy(&all->locks[i].spin) == 0);
	}
	insist(count == all->taken);
	return 0;
}
