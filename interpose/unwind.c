/*
 * once.c has a clean-up that exceptions run, and so refers to two functions of libgcc_s. Linked, that library would be
 * loaded into every program; but whenever an unwinder calls us it is there already, or the program has it linked in,
 * and then another copy reads the same tables. These two pass the call on.
 */
#include "interpose.h"

#include <unwind.h>

static void *libgcc(const char *name)
{
	void *lib = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
	void *f = lib ? dlsym(lib, name) : NULL;

	if (!f)
		vv__die("an exception passes pthread_once, but there is no libgcc_s.so.1");
	return f;
}

void _Unwind_Resume(struct _Unwind_Exception *exception)
{
	void (*resume)(struct _Unwind_Exception *) = (__typeof__(resume))libgcc("_Unwind_Resume");

	resume(exception);
	__builtin_unreachable();
}

_Unwind_Reason_Code __gcc_personality_v0(int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
    struct _Unwind_Exception *exception, struct _Unwind_Context *context);

_Unwind_Reason_Code __gcc_personality_v0(int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
    struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	__typeof__(&__gcc_personality_v0) personality = (__typeof__(personality))libgcc("__gcc_personality_v0");

	return personality(version, actions, exception_class, exception, context);
}
