# Row 4: nine requests to a server that takes 200 ms for each, one after the other, then at once: urllib in threads.
# vervet-tries: 5
import http.server
import json
import sys
import threading
import time
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.2)
        body = json.dumps({"datetime": "now"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # all nine connect before the server accepts the first


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d/" % server.server_port
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
results = []


def fetch(pid):
    results.append((pid, json.loads(opener.open(url).read())["datetime"]))


start = time.time()
for i in range(1, 10):
    fetch(i)
middle = time.time()
print("Synchronous:", len(results))
threads = [threading.Thread(target=fetch, args=(i,)) for i in range(1, 10)]
for t in threads:
    t.start()
for t in threads:
    t.join()
end = time.time()
print("Asynchronous:", len(results) - 9)
server.shutdown()
if middle - start < 1.8 or end - middle > 0.9:
    sys.exit("took %.2f s, %.2f s" % (middle - start, end - middle))
