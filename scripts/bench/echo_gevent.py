"""Echo server with gevent, a greenlet for each connection. Prints its port."""
import resource
import socket

import gevent
import gevent.socket


def serve(c):
    with c:
        while data := c.recv(4096):
            c.sendall(data)


def main():
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    except ValueError:
        pass
    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    print(listener.getsockname()[1], flush=True)
    while True:
        c, _ = listener.accept()
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gevent.spawn(serve, c)


main()
