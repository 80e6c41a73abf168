/* POSIX queues and asynchronous input and output: waits, priorities, time-outs, bad times, interruption, lists, helper
 * threads that libc makes and their notifications. */
#include "check.h"

#include <aio.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <signal.h>

static mqd_t queue;
static char name[64];

static void *receive(void *arg)
{
	char text[64];
	unsigned priority;
	long sum = 0;

	(void)arg;
	for (int i = 0; i < 40; i++) {
		expect(mq_receive(queue, text, sizeof(text), &priority) > 0);
		sum += atoi(text);
	}
	return (void *)sum;
}

static void *send_all(void *arg)
{
	char text[64];

	for (int i = 0; i < 40; i++) {
		int n = snprintf(text, sizeof(text), "%d", i);
		expect(mq_send(queue, text, n + 1, (long)arg) == 0);
	}
	return NULL;
}

static void handler(int sig)
{
	(void)sig;
}

static void queues(void)
{
	struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 64};
	struct sigaction a = {.sa_handler = handler};
	struct timespec soon, bad = {1, -1}, past = {1, 0};
	pthread_t in[2], out[2];
	char text[64];
	unsigned priority;

	snprintf(name, sizeof(name), "/queue-%d", getpid());
	queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	expect(queue >= 0);
	mq_unlink(name);
	for (long i = 0; i < 2; i++)
		out[i] = start(send_all, (void *)i);
	let_block();
	for (long i = 0; i < 2; i++)
		in[i] = start(receive, NULL);
	long sum = 0;
	for (int i = 0; i < 2; i++) {
		join(out[i]);
		sum += (long)join(in[i]);
	}
	printf("received %ld\n", sum);
	expect(
	    !mq_send(queue, "low", 4, 1) && !mq_send(queue, "high", 5, 9) && !mq_send(queue, "low2", 5, 1));
	soon = clock_in(CLOCK_REALTIME, 20);
	tell(mq_timedsend(queue, "x", 2, 1, &soon));
	tell(mq_timedsend(queue, "x", 2, 1, &past));
	for (int i = 0; i < 3; i++) {
		expect(mq_receive(queue, text, sizeof(text), &priority) > 0);
		printf("%s %u\n", text, priority);
	}
	soon = clock_in(CLOCK_REALTIME, 20);
	tell(mq_timedreceive(queue, text, sizeof(text), NULL, &soon));
	tell(mq_timedreceive(queue, text, sizeof(text), NULL, &past));
	tell(mq_timedreceive(queue, text, sizeof(text), NULL, &bad));
	tell(mq_receive(queue, text, 3, NULL));
	tell(mq_send(queue, text, 100, 0));
	tell(mq_send(queue, text, 1, 1000000));
	tell(mq_receive(99, text, sizeof(text), NULL));
	sigaction(SIGALRM, &a, NULL);
	ualarm(20000, 0);
	tell(mq_receive(queue, text, sizeof(text), NULL));
	mq_setattr(queue, &(struct mq_attr){.mq_flags = O_NONBLOCK}, NULL);
	tell(mq_receive(queue, text, sizeof(text), NULL));
	tell(mq_close(queue));
}

static _Atomic int notified;

static void notify(union sigval v)
{
	notified += v.sival_int;
}

static void *suspend(void *arg)
{
	const struct aiocb *list[] = {arg};

	return (void *)(long)aio_suspend(list, 1, NULL);
}

static void asynchronous(void)
{
	static char in[10];
	struct timespec soon = {0, 20000000};
	int p[2];

	expect(!pipe(p));
	struct aiocb read = {.aio_fildes = p[0], .aio_buf = in, .aio_nbytes = 5};
	const struct aiocb *list[] = {&read};

	read.aio_sigevent.sigev_notify = SIGEV_THREAD;
	read.aio_sigevent.sigev_notify_function = notify;
	read.aio_sigevent.sigev_value.sival_int = 3;
	expect(!aio_read(&read));
	tell(aio_suspend(list, 1, &soon));
	pthread_t t = start(suspend, &read);
	let_block();
	expect(write(p[1], "12345", 5) == 5);
	printf("suspended: %ld\n", (long)join(t));
	printf("read %zd %d\n", aio_return(&read), memcmp(in, "12345", 5));
	while (!notified)
		sleep_ms(1);
	printf("notified %d\n", notified);

	struct aiocb out[3];
	struct aiocb *all[3];
	int fd = fileno(tmpfile());
	for (int i = 0; i < 3; i++) {
		out[i] = (struct aiocb){.aio_fildes = fd,
		    .aio_buf = "abcd",
		    .aio_nbytes = 4,
		    .aio_offset = 4 * i,
		    .aio_lio_opcode = LIO_WRITE};
		all[i] = &out[i];
	}
	tell(lio_listio(LIO_WAIT, all, 3, NULL));
	printf("size %ld\n", (long)lseek(fd, 0, SEEK_END));
}

static void look_ups(void)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
	struct gaicb one = {.ar_name = "127.0.0.1", .ar_request = &hints}, *list[] = {&one};

	printf("getaddrinfo_a: %d\n", getaddrinfo_a(GAI_WAIT, list, 1, NULL));
	printf("error %d, an address: %d\n", gai_error(&one), one.ar_result != NULL);
	freeaddrinfo(one.ar_result);
	printf("getaddrinfo_a: %d\n", getaddrinfo_a(GAI_NOWAIT, list, 1, NULL));
	while (gai_error(&one) == EAI_INPROGRESS)
		gai_suspend((const struct gaicb *const *)list, 1, NULL);
	printf("error %d\n", gai_error(&one));
}

int main(void)
{
	queues();
	asynchronous();
	look_ups();
	return 0;
}
