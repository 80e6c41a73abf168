# Files by HTTP: http.server's server without threads.
import http.server
import sys

http.server.HTTPServer.request_queue_size = 1024
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
