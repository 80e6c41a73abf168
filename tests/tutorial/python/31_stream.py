# Row 31: a generator's body is streamed in chunks, a list's has its length. vervet-needs: python3-werkzeug
import socket

from werkzeug.serving import WSGIRequestHandler, make_server

import web


def application(environ, start_response):
    if environ["PATH_INFO"] == "/list":
        body = b"<p>Hello World</p>"
        start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
        return [body]
    start_response("200 OK", [("Content-Type", "text/html")])
    return iter([b"<p>Hello", b"World</p>"])


WSGIRequestHandler.protocol_version = "HTTP/1.1"
port = web.serve(application)
for path in ("/", "/list"):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        text = b"".join(iter(lambda: s.recv(4096), b"")).decode()
    head, body = text.split("\r\n\r\n", 1)
    print([h for h in head.split("\r\n") if h.startswith(("Transfer", "Content-Length"))], repr(body))
