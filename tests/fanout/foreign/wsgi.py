# The reference server of WSGI, with its demonstration's answer made longer.
import sys
from wsgiref.simple_server import WSGIServer, make_server


def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s %d\n" % (environ["PATH_INFO"].encode(), i) for i in range(3000)]


WSGIServer.request_queue_size = 1024
make_server("127.0.0.1", int(sys.argv[1]), page).serve_forever()
