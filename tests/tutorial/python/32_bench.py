# Row 32: ab -n 10000 -c 100 against a threading HTTP server: no failed request. vervet-needs: apache2-utils
import http.server
import re
import subprocess
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "18")
        self.end_headers()
        self.wfile.write(b"<p>Hello World</p>")

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
out = subprocess.run(["ab", "-q", "-n", "10000", "-c", "100", "http://127.0.0.1:%d/" % server.server_port],
                     capture_output=True, text=True).stdout
for line in re.findall(r"(Complete requests|Failed requests|Non-2xx responses): *(\d+)", out):
    print(*line)
