/*
 * The settings that the library reads from VERVET_* and the command from its options. Compiled into both, so that
 * both take the same values; calls nothing but string functions.
 */
#ifndef VV_SETTINGS_H
#define VV_SETTINGS_H

#include "../interpose/fanout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vv__settings {
	unsigned families; /* one bit each */
	bool follow;
	int64_t handover_ns;
	int lend; /* VV__LEND_* */
	bool stats;
	const char *report; /* null: standard error */
	bool quiet, overflow;
	int dump_signal; /* 0: none */
	int64_t stall_ns;
	const char *metrics, *trace;
	struct vv__fanout_settings fanout;
};

struct vv__setting {
	const char *name;     /* of the variable, after VERVET_ */
	const char *option;   /* after -- */
	const char *argument; /* in words; null: a switch; in brackets: may be left out */
	const char *help;
	/* Returns null, or what is wrong with value ("unknown family"), *bad and *len being the part at fault. */
	const char *(*read)(struct vv__settings *s, const char *value, const char **bad, size_t *len);
};

#define VV__VARIABLE "VERVET_"

extern const struct vv__setting vv__setting_table[];
extern const size_t vv__setting_count;

void vv__settings_default(struct vv__settings *s);

/* The setting whose variable is VERVET_<name> with this name of len bytes, or null. */
const struct vv__setting *vv__setting_find(const char *name, size_t len);

#endif
