/*
 * How the command says what is wrong.
 */
#include "vervet.h"

#include <stdarg.h>
#include <stdio.h>

char *complaint;

int complain(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (complaint) {
		vsnprintf(complaint, VV__COMPLAINT, format, ap);
		va_end(ap);
		return status;
	}
	fputs("vervet: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	return status;
}
