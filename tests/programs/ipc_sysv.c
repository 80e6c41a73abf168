/* System V semaphores and queues between threads and processes: waits, time-outs, undo, removal under a waiter,
 * interruption; beside a thread that ticks. */
#include "check.h"

#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>

static int sem, queue;
static int op(int index, int n, int flags)
{
	struct sembuf b = {index, n, flags};

	return semop(sem, &b, 1);
}

static void *take_and_give(void *arg)
{
	for (int i = 0; i < 20; i++) {
		expect(op(0, -1, SEM_UNDO) == 0);
		++*(int *)arg;
		sched_yield();
		expect(op(0, 1, SEM_UNDO) == 0);
	}
	return NULL;
}

static void *wait_for_zero(void *arg)
{
	struct sembuf both[] = {{1, 0, 0}, {2, -2, 0}};

	(void)arg;
	return (void *)(long)semop(sem, both, 2);
}

static void semaphores(void)
{
	pthread_t t[5];
	int count = 0;

	sem = semget(IPC_PRIVATE, 3, 0600);
	expect(sem >= 0 && op(0, 1, 0) == 0 && op(1, 1, 0) == 0);
	for (int i = 0; i < 5; i++)
		t[i] = start(take_and_give, &count);
	for (int i = 0; i < 5; i++)
		join(t[i]);
	printf("taken %d times\n", count);
	t[0] = start(wait_for_zero, NULL);
	let_block();
	expect(op(2, 2, 0) == 0);
	let_block();
	printf("still waits: %d\n", semctl(sem, 2, GETVAL));
	expect(op(1, -1, 0) == 0);
	printf("both at once: %ld\n", (long)join(t[0]));
	tell(op(0, -5, IPC_NOWAIT));
	struct timespec soon = {0, 20000000};
	struct sembuf b = {0, -5, 0};
	tell(semtimedop(sem, &b, 1, &soon));
	tell(semop(sem, &b, 1000));
	tell(semop(sem, NULL, 1));
	tell(semop(12345678, &b, 1));
	pid_t pid = fork();
	if (pid == 0)
		_exit(op(0, -1, SEM_UNDO));
	waitpid(pid, NULL, 0);
	printf("undone at the child's end: %d\n", semctl(sem, 0, GETVAL));
}

static void *wait_removed(void *arg)
{
	(void)arg;
	return (void *)(long)(op(0, -10, 0) ? errno : 0);
}

static void handler(int sig)
{
	(void)sig;
}

static void removal(void)
{
	pthread_t t = start(wait_removed, NULL);

	let_block();
	semctl(sem, 0, IPC_RMID);
	printf("removed under a waiter: %s\n", errno_name((long)join(t)));
}

struct message {
	long type;
	char text[1000];
};

static void *receive(void *arg)
{
	struct message m;
	long sum = 0;

	for (int i = 0; i < 30; i++) {
		expect(msgrcv(queue, &m, sizeof(m.text), (long)arg, 0) >= 0);
		sum += m.text[0];
	}
	return (void *)sum;
}

static void *send_all(void *arg)
{
	struct message m = {(long)arg, {0}};

	for (int i = 0; i < 30; i++) {
		m.text[0] = i;
		expect(msgsnd(queue, &m, sizeof(m.text), 0) == 0);
	}
	return NULL;
}

static void queues(void)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t in[3], out[3];
	struct message m;

	queue = msgget(IPC_PRIVATE, 0600);
	expect(queue >= 0);
	for (long i = 0; i < 3; i++)
		out[i] = start(send_all, (void *)(i + 1));
	let_block();
	for (long i = 0; i < 3; i++)
		in[i] = start(receive, (void *)(i + 1));
	for (int i = 0; i < 3; i++) {
		join(out[i]);
		printf("received %ld\n", (long)join(in[i]));
	}
	tell(msgrcv(queue, &m, 10, 0, IPC_NOWAIT));
	tell(msgsnd(queue, &(struct message){-1, {0}}, 10, 0));
	sigaction(SIGALRM, &a, NULL);
	ualarm(20000, 0);
	tell(msgrcv(queue, &m, 10, 0, 0));
	tell(msgctl(queue, IPC_RMID, NULL));
	tell(msgrcv(queue, &m, 10, 0, 0));
}

int main(void)
{
	pthread_t ticker = start(tick_beside, NULL);

	semaphores();
	removal();
	queues();
	printf("ticks meanwhile: %s\n", ticks_beside(ticker, 10));
	return 0;
}
