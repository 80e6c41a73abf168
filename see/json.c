/*
 * JSON strings. What is no UTF-8 is written byte by byte as Latin-1 would be.
 */
#include "see.h"

static int utf8_length(const unsigned char *p)
{
	int n = *p < 0x80		  ? 1
		: *p >= 0xc2 && *p < 0xe0 ? 2
		: *p >= 0xe0 && *p < 0xf0 ? 3
		: *p >= 0xf0 && *p < 0xf5 ? 4
					  : 0;

	for (int i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void json_string(FILE *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int n;

	putc('"', out);
	for (; *p; p += n ? n : 1) {
		n = utf8_length(p);
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p < 32 || n == 0)
			fprintf(out, "\\u%04x", *p);
		else
			fwrite(p, 1, (size_t)n, out);
	}
	putc('"', out);
}
