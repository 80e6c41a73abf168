/* A thread's number, as gettid has it, names its process's memory to process_vm_readv and process_vm_writev. */
#include "check.h"

#include <sys/syscall.h>
#include <sys/uio.h>

static pthread_barrier_t barrier;
static char word[8] = "before";
static pid_t id;

static void *body(void *arg)
{
	id = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

int main(void)
{
	char mine[8] = "", after[8] = "after";
	struct iovec its = {word, sizeof word}, here = {mine, sizeof mine}, new = {after, sizeof after};
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, 2);
	t = start(body, NULL);
	pthread_barrier_wait(&barrier);
	tell(process_vm_readv(id, &here, 1, &its, 1, 0));
	tell(process_vm_writev(id, &new, 1, &its, 1, 0));
	printf("%s, then %s\n", mine, word);
	tell(syscall(SYS_process_vm_readv, id, &here, 1L, &its, 1L, 0L));
	puts(mine);
	tell(process_vm_readv(id, &here, 1, &its, 1, 1));
	pthread_barrier_wait(&barrier);
	join(t);
	return 0;
}
