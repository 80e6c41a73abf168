/*
 * mq_notify: no signal comes for a message that a waiting receiver gets, whether it waited before the request or after.
 */
#include "check.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>

static int signals;
static mqd_t queue;

static void count(int sig)
{
	signals += sig == SIGUSR1;
}

static void *receive(void *timed)
{
	struct timespec until;
	char c;
	ssize_t r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	r = timed ? mq_timedreceive(queue, &c, 1, NULL, &until) : mq_receive(queue, &c, 1, NULL);
	expect(r == 1);
	return (void *)(long)c;
}

static void ask(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

	tell(mq_notify(queue, &event));
}

static void send(char c)
{
	expect(mq_send(queue, &c, 1, 0) == 0);
	sleep_ms(20);
}

int main(void)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 1};
	char name[32], c;
	pthread_t t, u;

	signal(SIGUSR1, count);
	snprintf(name, sizeof name, "/notify-%d", getpid());
	queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	expect(queue >= 0 && mq_unlink(name) == 0);
	t = start(receive, NULL);
	u = start(receive, &attr);
	sleep_ms(50);
	ask();
	send('a');
	send('b');
	printf("got %d, signals %d\n", (int)(long)join(t) + (int)(long)join(u), signals);
	t = start(receive, NULL);
	sleep_ms(50);
	send('c');
	printf("got %c, signals %d\n", (char)(long)join(t), signals);
	send('d');
	printf("nobody waits, signals %d\n", signals);
	tell(mq_receive(queue, &c, 1, NULL));
	ask();
	tell(mq_notify(queue, NULL));
	send('e');
	printf("taken back, signals %d\n", signals);
	return 0;
}
