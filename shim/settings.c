/*
 * Reads the values of the settings (settings.def). A value that is refused changes nothing.
 */
#include "settings.h"

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
			return *len ? "unknown family" : "a family is missing";
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

const struct vv__setting vv__setting_table[] = {
#define SETTING(name, option, argument, reader, help) {#name, option, argument, help, reader},
#include "settings.def"
#undef SETTING
};
const size_t vv__setting_count = sizeof(vv__setting_table) / sizeof(vv__setting_table[0]);

void vv__settings_default(struct vv__settings *s)
{
	*s = (struct vv__settings){.families = ALL_FAMILIES, .follow = true, .handover_ns = 1000000};
}

const struct vv__setting *vv__setting_find(const char *name, size_t len)
{
	for (size_t i = 0; i < vv__setting_count; i++)
		if (strlen(vv__setting_table[i].name) == len && !memcmp(vv__setting_table[i].name, name, len))
			return &vv__setting_table[i];
	return NULL;
}
