/*
 * vervet-see: the commands that look into programs and processes. `vervet dump PID` runs it with its own arguments.
 */
#include "see.h"

#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"dump", dump_command},
    {"doctor", doctor_command},
    {"top", top_command},
    {"metrics", metrics_command},
    {"timeline", timeline_command},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return complain(VV__EXIT_FAILED, "a part of the vervet command, see vervet --help");
}
