# Row 30: a threading TCP server and 100 clients.
import socket
import socketserver
import threading


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.send(b"Hello from a telnet!\n")
        for i in range(5):
            self.request.send(b"%d\n" % i)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
texts = []


def client():
    with socket.create_connection(server.server_address) as s, s.makefile() as f:
        texts.append(f.read())


threads = [threading.Thread(target=client) for _ in range(100)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(len(texts), len(set(texts)))
print(texts[0], end="")
server.shutdown()
