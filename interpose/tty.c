/*
 * Terminals: what waits until output has drained cannot be polled.
 */
#include "hop.h"

#include <termios.h>

VV__HOP(tty, int, tcdrain, (int fd), (fd))
VV__HOP(tty, int, tcsendbreak, (int fd, int duration), (fd, duration))

VV_EXPORT int tcsetattr(int fd, int when, const struct termios *t)
{
	int r;

	if (vv__step_aside(vv__me(), tty) || when == TCSANOW)
		return REAL(tcsetattr)(fd, when, t);
	vv__hop();
	r = REAL(tcsetattr)(fd, when, t);
	vv__hop_back();
	return r;
}
