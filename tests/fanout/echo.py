# An iterative server of Python's library, which polls before it accepts.
import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(8192):
                self.request.sendall(data)
        except ConnectionError:
            pass


socketserver.TCPServer.request_queue_size = 1024
with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
    print(server.server_address[1], flush=True)
    sys.stdout.flush()
    server.serve_forever()
