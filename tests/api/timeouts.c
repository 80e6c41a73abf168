/* Time-outs end every kind of call of their greenlet, once; they are safe to close at any time. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2];

static void calls_of_the_header(void)
{
	struct vv_queue *q = vv_queue_new(VV_FIFO, 0);
	struct vv_timeout *t = vv_timeout_start(VV_MS(5), 0);
	void *item;

	expect(vv_queue_get(q, &item, VV_FOREVER) == -ETIME);
	expect(vv_timeout_expired(t) == 1 && vv_timeout_pending(t) == 0);
	expect(vv_queue_get(q, &item, VV_MS(1)) == -ETIMEDOUT);
	expect(vv_timeout_restart(t, VV_MS(5)) == 0);
	expect(vv_sleep(VV_S(1000)) == -ETIME);
	expect(vv_timeout_restart(t, VV_MS(5)) == 0);
	expect(vv_wait_read(pair[0], VV_FOREVER) == -ETIME);
	vv_timeout_free(t);
	vv_queue_free(q);
}

static void calls_of_libc(void)
{
	struct pollfd p = {.fd = pair[0], .events = POLLIN};
	FILE *stream = fdopen(dup(pair[0]), "r");
	struct vv_timeout *t = vv_timeout_start(VV_MS(5), 0);
	char c;

	expect(read(pair[0], &c, 1) == -1 && errno == ETIME);
	vv_timeout_restart(t, VV_MS(5));
	expect(recv(pair[0], &c, 1, 0) == -1 && errno == ETIME);
	vv_timeout_restart(t, VV_MS(5));
	expect(poll(&p, 1, -1) == -1 && errno == ETIME);
	vv_timeout_restart(t, VV_MS(5));
	expect(fgetc(stream) == EOF && ferror(stream) && errno == ETIME);
	vv_timeout_restart(t, VV_MS(5));
	expect(usleep(900000000) == -1 && errno == ETIME);
	fclose(stream);
	vv_timeout_free(t);
}

static void *sleep_long(void *unused)
{
	sleep(1000);
	return NULL;
}

/* Those that are cancellation points; a mutex is not, and what it guards stays guarded. */
static void locks_of_libc(void)
{
	struct vv_timeout *t = vv_timeout_start(VV_MS(5), 0);
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_t thread;
	sem_t s;

	sem_init(&s, 0, 0);
	expect(sem_wait(&s) == -1 && errno == ETIME);
	vv_timeout_restart(t, VV_MS(5));
	pthread_mutex_lock(&m);
	expect(pthread_cond_wait(&c, &m) == ETIME && pthread_mutex_trylock(&m) == EBUSY);
	pthread_mutex_unlock(&m);
	expect(pthread_create(&thread, NULL, sleep_long, NULL) == 0);
	vv_timeout_restart(t, VV_MS(5));
	expect(pthread_join(thread, NULL) == ETIME);
	pthread_cancel(thread);
	expect(pthread_join(thread, NULL) == 0);
	vv_timeout_free(t);
}

static void processes_and_sets(void)
{
	struct vv_timeout *t;
	int ep = epoll_create1(0), status;
	struct epoll_event e = {.events = EPOLLIN};
	pid_t child = fork();
	fd_set set;

	if (child == 0) {
		pause();
		_exit(0);
	}
	t = vv_timeout_start(VV_MS(5), 0);
	expect(waitpid(child, &status, 0) == -1 && errno == ETIME);
	kill(child, SIGKILL);
	expect(waitpid(child, &status, 0) == child);
	epoll_ctl(ep, EPOLL_CTL_ADD, pair[0], &e);
	vv_timeout_restart(t, VV_MS(5));
	expect(epoll_wait(ep, &e, 1, -1) == -1 && errno == ETIME);
	FD_ZERO(&set);
	FD_SET(pair[0], &set);
	vv_timeout_restart(t, VV_MS(5));
	expect(select(pair[0] + 1, &set, NULL, NULL, NULL) == -1 && errno == ETIME);
	close(ep);
	vv_timeout_free(t);
}

static void an_error_of_ones_own(void)
{
	struct vv_timeout *t = vv_timeout_start(VV_MS(5), EPROTO);

	expect(vv_sleep(VV_S(1000)) == -EPROTO);
	vv_timeout_free(t);
}

static void closed_before_it_is_felt(void)
{
	struct vv_timeout *t = vv_timeout_start(0, 0);
	int64_t start = now_ns();

	while (now_ns() - start < 1000000)
		;
	expect(vv_timeout_free(t) == 0 && vv_timeout_free(t) == -EBADF);
	expect(vv_sleep(VV_MS(1)) == 0);
	t = vv_timeout_start(0, 0);
	expect(vv_sleep(VV_S(1)) == -ETIME && vv_sleep(VV_MS(1)) == 0);
	vv_timeout_free(t);
	t = vv_timeout_start(VV_FOREVER, 0);
	expect(vv_timeout_pending(t) == 0 && vv_sleep(VV_MS(1)) == 0);
	vv_timeout_free(t);
}

static int block_until_told(void)
{
	VV_TIMEOUT(limit, VV_MS(5), 0);

	return vv_sleep(VV_S(1000));
}

static void in_scope(void)
{
	expect(block_until_told() == -ETIME);
	expect(vv_objects() == 0);
}

static void *endless(void *unused)
{
	while (vv_sleep(VV_S(1000)) == 0)
		;
	return NULL;
}

static void *quick(void *value)
{
	vv_sleep(VV_MS(1));
	return value;
}

static void functions_with_a_limit(void)
{
	void *value = NULL;

	expect(vv_with_timeout(VV_MS(5), endless, NULL, NULL) == -ETIME);
	expect(vv_with_timeout(VV_S(100), quick, "value", &value) == 0 && strcmp(value, "value") == 0);
	expect(vv_with_timeout(0, endless, NULL, NULL) == -ETIME);
	vv_yield();
}

static void *nested(void *unused)
{
	struct vv_timeout *outer = vv_timeout_start(VV_MS(20), EPROTO),
			  *inner = vv_timeout_start(VV_MS(5), 0);

	expect(vv_sleep(VV_S(1000)) == -ETIME && vv_timeout_expired(inner) && !vv_timeout_expired(outer));
	vv_timeout_free(inner);
	expect(vv_sleep(VV_S(1000)) == -EPROTO);
	expect(vv_timeout_restart(outer, VV_S(1000)) == 0);
	vv_timeout_free(outer);
	return NULL;
}

static void the_innermost_first_and_each_its_own(void)
{
	struct vv_greenlet *a = vv_spawn(nested, NULL), *b = vv_spawn(nested, NULL);

	expect(vv_join(a, VV_FOREVER) == 0 && vv_join(b, VV_FOREVER) == 0);
	vv_greenlet_free(a);
	vv_greenlet_free(b);
}

int main(void)
{
	expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	calls_of_the_header();
	calls_of_libc();
	locks_of_libc();
	processes_and_sets();
	an_error_of_ones_own();
	closed_before_it_is_felt();
	in_scope();
	functions_with_a_limit();
	the_innermost_first_and_each_its_own();
	expect(vv_objects() == 0);
	return 0;
}
