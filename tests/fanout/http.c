/*
 * An iterative HTTP server on streams: fdopen for both directions, fgets for the head, fread for a body, fprintf and fwrite
 * for the answer, which is larger than a stream's buffer.
 */
#include "server.h"

static void answer(FILE *in, FILE *out)
{
	char line[1024], path[256] = "", body[4096];
	size_t length = 0, n;

	if (!fgets(line, sizeof line, in) || sscanf(line, "%*s %255s", path) != 1)
		return;
	while (fgets(line, sizeof line, in) && line[0] != '\r')
		sscanf(line, "Content-Length: %zu", &length);
	if (length > sizeof body)
		length = sizeof body;
	n = fread(body, 1, length, in);
	fprintf(out, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%s\n", path);
	fwrite(body, 1, n, out);
	for (int i = 0; i < (strcmp(path, "/huge") ? 5000 : 1000000); i++)
		fprintf(out, "%s line %d\n", path, i);
}

int main(int argc, char **argv)
{
	int l = listen_on(argc, argv);

	for (;;) {
		int c = accept(l, NULL, NULL);
		FILE *in, *out;

		if (c < 0)
			return 1;
		in = fdopen(c, "r");
		out = fdopen(dup(c), "w");
		answer(in, out);
		fclose(out);
		fclose(in);
	}
}
