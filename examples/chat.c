/*
 * The chat server of gevent's tutorial: rooms, users with a queue of messages each, long polling.
 *
 *	cc chat.c -o chat -lvervet-http -lvervet && ./chat 5000
 *
 * GET / asks for a name; GET /ROOM/USER joins and shows the page; POST /put/ROOM/USER says something; POST /poll/USER
 * waits up to ten seconds for the next message.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vervet-http.h>

enum { NAME = 32, TEXT = 512, BACKLOG = 25, USERS = 1000 };

static struct room {
	const char *name;
	char *messages[BACKLOG]; /* a ring */
	int n;
} rooms[] = {{"topic1", {0}, 0}, {"topic2", {0}, 0}};

static struct user {
	char name[NAME];
	struct vv_queue *queue;
	struct room *room;
} users[USERS];
static int nusers;

static const char choose[] =
    "<!doctype html><title>Chat</title><form onsubmit=\"location='/topic1/'+encodeURIComponent("
    "this.n.value);return false\">Your name: <input name=n autofocus></form>";
static const char page_head[] =
    "<!doctype html><meta charset=utf-8><title>Chat</title><ul id=log></ul>"
    "<form id=f><input id=m autocomplete=off autofocus></form><script>\n"
    "const [, room, uid] = location.pathname.split('/'), log = document.getElementById('log');\n"
    "function show(t) { const li = document.createElement('li'); li.textContent = t; log.append(li); }\n"
    "async function poll() {\n"
    "  for (;;) try {\n"
    "    const t = await (await fetch('/poll/' + uid, {method: 'POST'})).json();\n"
    "    if (t.length) show(t);\n"
    "  } catch (e) { await new Promise(r => setTimeout(r, 1000)); }\n"
    "}\n"
    "document.getElementById('f').onsubmit = e => {\n"
    "  e.preventDefault();\n"
    "  fetch('/put/' + room + '/' + uid, {method: 'POST', body: document.getElementById('m').value});\n"
    "  e.target.reset();\n"
    "};\nfor (const t of ";
static const char page_tail[] = ") show(t);\npoll();\n</script>\n";

/* ---- JSON and names ---- */

/* A text as a JSON string that may stand inside a script element. Returns its end. */
static char *quote(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || strchr("\"\\<>&", *text))
			to += sprintf(to, "\\u%04x", (unsigned char)*text);
		else
			*to++ = *text;
	*to++ = '"';
	*to = 0;
	return to;
}

/* The next part of a path, decoded. False if there is none, or it is too long. */
static bool part(const char **path, char *name)
{
	size_t n = 0;

	if (*(*path)++ != '/')
		return false;
	while (**path && **path != '/' && n < NAME - 1) {
		unsigned c = (unsigned char)**path;

		if (c == '%' && sscanf(*path + 1, "%2x", &c) == 1)
			*path += (*path)[1] && (*path)[2] ? 2 : 0;
		name[n++] = (char)c;
		(*path)++;
	}
	name[n] = 0;
	return n > 0 && (!**path || **path == '/');
}

static struct room *find_room(const char *name)
{
	for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
		if (!strcmp(rooms[i].name, name))
			return &rooms[i];
	return NULL;
}

static struct user *find_user(const char *name, bool make)
{
	for (int i = 0; i < nusers; i++)
		if (!strcmp(users[i].name, name))
			return &users[i];
	if (!make || nusers == USERS)
		return NULL;
	snprintf(users[nusers].name, NAME, "%s", name);
	users[nusers].queue = vv_queue_new(VV_FIFO, 0);
	return &users[nusers++];
}

/* ---- requests ---- */

static void say(struct vv_http *x, int status, const char *type, const char *text)
{
	vv_http_reply(x, status, type, text, strlen(text));
}

static void join(struct vv_http *x, struct room *room, const char *uid)
{
	struct user *user = find_user(uid, true);
	char *page = malloc(sizeof page_head + sizeof page_tail + BACKLOG * 6 * (TEXT + 8)), *p = page;
	int first = room->n > BACKLOG ? room->n - BACKLOG : 0;

	if (!user || !page) {
		free(page);
		say(x, 503, "text/plain", "full\n");
		return;
	}
	user->room = room;
	p = stpcpy(p, page_head);
	*p++ = '[';
	for (int i = first; i < room->n; i++) {
		p = quote(p, room->messages[i % BACKLOG]);
		*p++ = i + 1 < room->n ? ',' : ' ';
	}
	*p++ = ']';
	strcpy(p, page_tail);
	say(x, 200, "text/html; charset=utf-8", page);
	free(page);
}

static void put(struct vv_http *x, struct room *room, const char *uid)
{
	char *body, **slot = &room->messages[room->n % BACKLOG];

	if (vv_http_read_all(x, &body) < 0)
		return;
	free(*slot);
	*slot = malloc(TEXT);
	snprintf(*slot, TEXT, "%s:%s", uid, body);
	free(body);
	for (int i = 0; i < nusers; i++)
		if (users[i].room == room)
			vv_queue_put(users[i].queue, strdup(*slot), 0);
	room->n++;
	say(x, 200, "text/plain", "");
}

static void poll(struct vv_http *x, struct user *user)
{
	char json[6 * TEXT + 8] = "[]";
	void *message;

	if (vv_queue_get(user->queue, &message, VV_S(10)) == 0) {
		quote(json, message);
		free(message);
	}
	say(x, 200, "application/json", json);
}

static void handle(struct vv_http *x, void *unused)
{
	const char *path = vv_http_path(x);
	bool post = !strcmp(vv_http_method(x), "POST");
	char a[NAME], b[NAME], c[NAME];
	int parts = !part(&path, a) ? 0 : !part(&path, b) ? 1 : !part(&path, c) ? 2 : 3;

	if (parts == 0)
		say(x, 200, "text/html", choose);
	else if (post && parts == 3 && !strcmp(a, "put") && find_room(b))
		put(x, find_room(b), c);
	else if (post && parts == 2 && !strcmp(a, "poll") && find_user(b, false))
		poll(x, find_user(b, false));
	else if (!post && parts == 2 && find_room(a))
		join(x, find_room(a), b);
	else
		say(x, 404, "text/plain", "no\n");
}

int main(int argc, char **argv)
{
	struct vv_http_config config = {.handle = handle};
	struct vv_server *server =
	    vv_server_new(NULL, argc > 1 ? atoi(argv[1]) : 5000, 0, vv_http_serve, &config);

	if (!server) {
		perror("chat");
		return 1;
	}
	printf("http://localhost:%d/\n", vv_server_port(server));
	fflush(stdout);
	return vv_server_serve(server) < 0;
}
