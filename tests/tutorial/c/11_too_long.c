/* Row 11: a time-out for a block, with an error of one's own. vervet-tries: 5
 * vervet-below: 0.9 */
#include "say.h"

#define TOO_LONG EPROTO

int main(void)
{
	int r;

	{
		VV_TIMEOUT(limit, SECONDS(5), TOO_LONG);

		r = vv_sleep(SECONDS(10));
	}
	say(r == -TOO_LONG ? "TooLong" : "something else");
	return vv_sleep(SECONDS(1));
}
