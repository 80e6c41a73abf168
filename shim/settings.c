/*
 * Reads the values of the settings (settings.def). A value that is refused changes nothing.
 */
#include "settings.h"

#include <signal.h>
#include <string.h>

static const char *const families[] = {
#define FAMILY(name, what) #name,
#include "../interpose/families.def"
#undef FAMILY
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };
#define ALL_FAMILIES ((1u << FAMILIES) - 1)

/* The families that one word of the list names, 0 if none. */
static unsigned family_bits(const char *word, size_t len)
{
	if (len == 3 && !memcmp(word, "all", 3))
		return ALL_FAMILIES;
	for (unsigned i = 0; i < FAMILIES; i++)
		if (strlen(families[i]) == len && !memcmp(families[i], word, len))
			return 1u << i;
	return 0;
}

/* A list that begins by leaving a family out begins with all of them. */
static const char *read_families(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	unsigned set = *value == '-' ? ALL_FAMILIES : 0;

	for (const char *word = value;; word = *bad + *len + 1) {
		bool out = *word == '-';
		unsigned bits = family_bits(word + out, strcspn(word + out, ","));

		*bad = word;
		*len = strcspn(word, ",");
		if (!bits && (*len != 4 || memcmp(word, "none", 4)))
			return *len ? "unknown family (vervet --list shows them)" : "a family is missing";
		set = out ? set & ~bits : set | bits;
		if (!word[*len])
			break;
	}
	s->families = set;
	return NULL;
}

static const char *read_follow(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	if (strcmp(value, "all") && strcmp(value, "none"))
		return "neither all nor none";
	s->follow = value[0] == 'a';
	return NULL;
}

static const char *read_handover(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	int64_t us = 0;

	if (!*value || value[strspn(value, "0123456789")])
		return "not a number of microseconds";
	for (const char *p = value; *p; p++) {
		us = us * 10 + (*p - '0');
		if (us > 3600000000)
			return "more than an hour";
	}
	s->handover_ns = us * 1000;
	return NULL;
}

static const char *read_lend(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	static const char *const words[] = {"auto", "never", "always"};

	for (int i = 0; i < 3; i++)
		if (!strcmp(value, words[i])) {
			s->lend = i;
			return NULL;
		}
	return "neither auto, never nor always";
}

/* A whole number from least to most, or -1. */
static int64_t number(const char *value, int64_t least, int64_t most)
{
	int64_t n = 0;

	if (!*value || value[strspn(value, "0123456789")])
		return -1;
	for (const char *p = value; *p && n <= most; p++)
		n = n * 10 + (*p - '0');
	return n < least || n > most ? -1 : n;
}

static const char *read_fan_out(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	static const char prefork[] = "prefork:";
	enum { MOST_WORKERS = 1024 };
	int64_t n;

	if (!strcmp(value, "1") || !strcmp(value, "greenlet")) {
		s->fanout.mode = VV__FANOUT_GREENLET;
	} else if (!strcmp(value, "check")) {
		s->fanout.mode = VV__FANOUT_GREENLET;
		s->fanout.check = true;
	} else if (!strcmp(value, "fork")) {
		s->fanout.mode = VV__FANOUT_FORK;
	} else if (!strcmp(value, "0")) {
		s->fanout.mode = VV__FANOUT_OFF;
	} else if (!strncmp(value, prefork, sizeof(prefork) - 1)) {
		n = number(value + sizeof(prefork) - 1, 1, MOST_WORKERS);
		if (n < 0)
			return "not a number of processes from 1 to 1024";
		s->fanout.mode = VV__FANOUT_PREFORK;
		s->fanout.workers = (unsigned)n;
	} else {
		return "neither greenlet, fork, prefork:N nor check";
	}
	return NULL;
}

static const char *read_fan_out_max(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	int64_t n = number(value, 1, 1000000);

	if (n < 0)
		return "not a number of connections from 1 to 1000000";
	s->fanout.max = (unsigned)n;
	return NULL;
}

static const char *read_fan_out_drain(
    struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	int64_t n = number(value, 0, 86400);

	if (n < 0)
		return "not a number of seconds from 0 to 86400";
	s->fanout.drain_ns = n * 1000000000;
	return NULL;
}

static const char *read_switch(bool *out, const char *value)
{
	if ((value[0] != '0' && value[0] != '1') || value[1])
		return "neither 0 nor 1";
	*out = value[0] == '1';
	return NULL;
}

static const char *read_stats(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	return read_switch(&s->stats, value);
}

static const char *read_report(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	if (*value != '/')
		return *value ? "not an absolute name" : "a file name is missing";
	s->report = value;
	return NULL;
}

static const char *read_quiet(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	return read_switch(&s->quiet, value);
}

static const struct {
	const char *name;
	int number;
} signals[] = {{"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
    {"PWR", SIGPWR}, {"WINCH", SIGWINCH}, {"URG", SIGURG}, {"IO", SIGIO}, {"XCPU", SIGXCPU}};

static const char *read_dump_signal(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	const char *name = strncmp(value, "SIG", 3) ? value : value + 3;
	int n = 0;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!strcmp(signals[i].name, name))
			n = signals[i].number;
	for (const char *p = value; !n && *p >= '0' && *p <= '9' && p < value + 2; p++)
		n = p[1] ? (p[0] - '0') * 10 + (p[1] >= '0' && p[1] <= '9' && !p[2] ? p[1] - '0' : -1000)
			 : *p - '0';
	if (n <= 0 || n > 64 || n == SIGKILL || n == SIGSTOP || n == 32 || n == 33)
		return "not a signal that can be handled";
	s->dump_signal = n;
	return NULL;
}

static const char *read_metrics(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	const char *name = strncmp(value, "unix:", 5) ? value : value + 5;

	if (*name != '/')
		return *name ? "not an absolute name" : "a file name is missing";
	s->metrics = value;
	return NULL;
}

static const char *read_trace(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	if (*value != '/')
		return *value ? "not an absolute name" : "a file name is missing";
	s->trace = value;
	return NULL;
}

static const char *read_overflow(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	return read_switch(&s->overflow, value);
}

static const char *read_stall(struct vv__settings *s, const char *value, const char **bad, size_t *len)
{
	int64_t ms = 0;

	if (!*value || value[strspn(value, "0123456789")] || strlen(value) > 7)
		return "not a number of milliseconds below 10000000";
	for (const char *p = value; *p; p++)
		ms = ms * 10 + (*p - '0');
	s->stall_ns = ms * 1000000;
	return NULL;
}

const struct vv__setting vv__setting_table[] = {
#define SETTING(name, option, argument, reader, help) {#name, option, argument, help, reader},
#include "settings.def"
#undef SETTING
};
const size_t vv__setting_count = sizeof(vv__setting_table) / sizeof(vv__setting_table[0]);

void vv__settings_default(struct vv__settings *s)
{
	*s = (struct vv__settings){.families = ALL_FAMILIES,
	    .follow = true,
	    .handover_ns = 1000000,
	    .stall_ns = 1000000000,
	    .fanout = {.max = 1000, .drain_ns = 5000000000}};
}

const struct vv__setting *vv__setting_find(const char *name, size_t len)
{
	for (size_t i = 0; i < vv__setting_count; i++)
		if (strlen(vv__setting_table[i].name) == len && !memcmp(vv__setting_table[i].name, name, len))
			return &vv__setting_table[i];
	return NULL;
}
