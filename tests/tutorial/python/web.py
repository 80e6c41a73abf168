# What the web rows share: a werkzeug server in a thread, and a plain client on a socket.
import http.client
import logging
import threading

from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)


def serve(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.socket.listen(1024)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def request(port, method, path, body=None, headers={}):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request(method, path, body, headers)
    return c.getresponse()


def at_once(n, fn):
    threads = [threading.Thread(target=fn, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
