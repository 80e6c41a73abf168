/* Greenlets: order, values, failures, kill, links, late starts, waiting for several, misuse. */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static char text[256];

static void *note(void *word)
{
	strcat(text, word);
	return word;
}

static void *note_twice(void *word)
{
	strcat(text, word);
	vv_yield();
	strcat(text, word);
	return NULL;
}

static void spawned_in_order(void)
{
	struct vv_greenlet *gs[3] = {
	    vv_spawn(note_twice, "a"), vv_spawn(note_twice, "b"), vv_spawn(note_twice, "c")};

	text[0] = 0;
	expect(vv_joinall(gs, 3, 0, VV_FOREVER, NULL) == 3);
	expect(strcmp(text, "abcabc") == 0);
	for (int i = 0; i < 3; i++)
		vv_greenlet_free(gs[i]);
}

static void *fail(void *unused)
{
	vv_fail(ENOENT, "no %s", "luck");
}

static int reported;

static void count_report(struct vv_greenlet *g, int error, const char *message)
{
	expect(error == ENOENT && strcmp(message, "no luck") == 0 && g == vv_current());
	reported++;
}

static void a_failure_is_its_own(void)
{
	struct vv_greenlet *g;
	void *value = "untouched";

	vv_on_error(count_report);
	g = vv_spawn(fail, NULL);
	expect(vv_started(g) == 1 && vv_ready(g) == 0);
	expect(vv_get(g, &value, VV_FOREVER) == -ENOENT && strcmp(value, "untouched") == 0);
	expect(vv_ready(g) == 1 && vv_successful(g) == 0 && vv_error(g) == ENOENT && reported == 1);
	expect(strcmp(vv_message(g), "no luck") == 0 && vv_value(g) == NULL);
	vv_on_error(NULL);
	vv_greenlet_free(g);
}

static int cleaned;

static void clean(void *unused)
{
	cleaned++;
}

static void *sleep_long(void *unused)
{
	pthread_cleanup_push(clean, NULL);
	vv_sleep(VV_S(1000));
	pthread_cleanup_pop(0);
	return "woke";
}

static void *never(void *unused)
{
	expect(!"a killed greenlet ran");
	return NULL;
}

static void killed_where_it_blocks(void)
{
	struct vv_greenlet *g = vv_spawn(sleep_long, NULL), *unborn = vv_spawn(never, NULL), *later;

	expect(vv_kill(unborn, 0) == 0);
	expect(vv_join(unborn, VV_FOREVER) == 0 && vv_value(unborn) == VV_KILLED && vv_successful(unborn));
	expect(vv_kill(g, VV_FOREVER) == 0 && cleaned == 1);
	expect(strcmp(vv_value(g), "exit") == 0 && vv_successful(g) == 1);
	expect(vv_kill(g, VV_FOREVER) == 0);
	later = vv_spawn_later(VV_S(1000), never, NULL);
	expect(vv_kill(later, VV_FOREVER) == 0);
	vv_greenlet_free(g);
	vv_greenlet_free(unborn);
	vv_greenlet_free(later);
}

static void *kill_me(void *unused)
{
	vv_kill(vv_current(), VV_FOREVER);
	return "survived";
}

static void may_kill_itself(void)
{
	struct vv_greenlet *g = vv_spawn(kill_me, NULL);
	void *value;

	expect(vv_get(g, &value, VV_FOREVER) == 0 && value == VV_KILLED);
	vv_greenlet_free(g);
}

static void late_ones_come_in_time(void)
{
	struct vv_greenlet *gs[] = {vv_spawn_later(VV_MS(900), note, "late"),
	    vv_spawn_later(VV_MS(10), note, "early"), vv_spawn(note, "now")};
	struct vv_greenlet *ready[3];

	text[0] = 0;
	expect(vv_joinall(gs, 3, 2, VV_FOREVER, ready) == 2 && ready[0] == gs[2] && ready[1] == gs[1]);
	expect(vv_joinall(gs, 3, 3, VV_MS(1), ready) == 2);
	expect(vv_joinall(gs, 3, 3, VV_FOREVER, ready) == 3);
	expect(strcmp(text, "nowearlylate") == 0);
	for (int i = 0; i < 3; i++)
		vv_greenlet_free(gs[i]);
}

static void linked(struct vv_greenlet *g, void *word)
{
	strcat(text, word);
	expect(vv_ready(g) == 1);
	expect(vv_sleep(VV_MS(1)) == -EPERM && vv_yield() == -EPERM);
}

static void links_are_called_in_order(void)
{
	struct vv_greenlet *g = vv_spawn(note, "body ");

	text[0] = 0;
	expect(vv_link(g, linked, "one ") == 0 && vv_link(g, linked, "two ") == 0 &&
	       vv_link(g, linked, "three ") == 0);
	expect(vv_unlink(g, linked, "two ") == 0 && vv_unlink(g, linked, "two ") == -ENOENT);
	expect(vv_link(g, linked, "four ") == 0);
	expect(vv_join(g, VV_FOREVER) == 0);
	vv_yield();
	vv_yield();
	expect(vv_link(g, linked, "late") == 0);
	vv_yield();
	vv_yield();
	expect(strcmp(text, "body one three four late") == 0);
	vv_greenlet_free(g);
}

static void *join_me(void *unused)
{
	expect(vv_join(vv_current(), VV_FOREVER) == -EDEADLK);
	return NULL;
}

static void *join_other(void *g)
{
	expect(vv_join(g, VV_FOREVER) == -EBADF);
	return NULL;
}

static void misuse_is_an_error(void)
{
	struct vv_greenlet *g = vv_spawn(join_me, NULL), *h;

	vv_join(g, VV_FOREVER);
	vv_greenlet_free(g);
	expect(vv_join(g, 0) == -EBADF && vv_kill(g, 0) == -EBADF && vv_greenlet_free(g) == -EBADF);
	expect(vv_join(NULL, 0) == -EBADF && vv_value(NULL) == NULL);
	g = vv_spawn(sleep_long, NULL);
	h = vv_spawn(join_other, g);
	vv_yield();
	expect(vv_join(g, 0) == -EAGAIN && vv_join(g, VV_MS(1)) == -ETIMEDOUT);
	expect(vv_kill(g, 0) == 0 && vv_greenlet_free(g) == 0);
	expect(vv_join(h, VV_FOREVER) == 0);
	vv_greenlet_free(h);
	expect(vv_stack_size(1) == -EINVAL);
}

static void *read_copy(void *copy)
{
	int *numbers = copy;

	vv_yield();
	return (void *)(long)(numbers[0] + numbers[99]);
}

static void arguments_are_copied(void)
{
	int numbers[100] = {[0] = 40, [99] = 2};
	struct vv_greenlet *g = vv_spawn_with(read_copy, numbers, sizeof numbers);
	void *value;

	memset(numbers, 0, sizeof numbers);
	expect(vv_get(g, &value, VV_FOREVER) == 0 && (long)value == 42);
	vv_greenlet_free(g);
}

static void *idle_then(void *word)
{
	vv_idle();
	strcat(text, word);
	return NULL;
}

static void idle_runs_last(void)
{
	struct vv_greenlet *g[] = {
	    vv_spawn(idle_then, "idle"), vv_spawn(note_twice, "a"), vv_spawn(note_twice, "b")};

	text[0] = 0;
	expect(vv_joinall(g, 3, 0, VV_FOREVER, NULL) == 3 && strcmp(text, "ababidle") == 0);
	for (int i = 0; i < 3; i++)
		vv_greenlet_free(g[i]);
}

/* A handler that wakes nobody. */
static void crashed(int number)
{
	_exit(1);
}

static void main_is_told_of_eternity(void)
{
	struct vv_event *e = vv_event_new();

	expect(vv_event_wait(e, VV_FOREVER) == -EDEADLK);
	signal(SIGSEGV, crashed);
	expect(vv_event_wait(e, VV_FOREVER) == -EDEADLK);
	signal(SIGSEGV, SIG_DFL);
	vv_event_free(e);
}

int main(int argc, char **argv)
{
	spawned_in_order();
	a_failure_is_its_own();
	killed_where_it_blocks();
	may_kill_itself();
	late_ones_come_in_time();
	links_are_called_in_order();
	misuse_is_an_error();
	arguments_are_copied();
	idle_runs_last();
	main_is_told_of_eternity();
	vv_yield();
	vv_yield();
	expect(vv_objects() == 0);
	/* Once more, without reports. */
	return setenv("VERVET_QUIET", "1", 0) == 0 && argc == 1
		   ? execl("/proc/self/exe", argv[0], "quiet", NULL)
		   : 0;
}
