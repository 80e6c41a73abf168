/* Row 13: what is patched can be seen. Run plainly all is; the runner also runs it with VERVET_PATCH=all,-socket. */
#include "say.h"

int main(void)
{
	say("socket %d", vv_patched("socket"));
	say("poll %d", vv_patched("poll"));
	say("nonsense %d", vv_patched("nonsense") == -EINVAL);
	return 0;
}
