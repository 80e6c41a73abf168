# Row 29: ZeroMQ's REQ and REP in two threads: strictly in turn. vervet-needs: python3-zmq
# vervet-runs: 20
import threading

import zmq

address = "ipc://./socket"
context = zmq.Context()
ready = threading.Event()


def server():
    server_socket = context.socket(zmq.REQ)
    server_socket.bind(address)
    ready.set()
    for request in range(1, 10):
        server_socket.send(b"Hello")
        print("Switched to Server for %s" % request)
        server_socket.recv()
    server_socket.close()


def client():
    ready.wait()
    client_socket = context.socket(zmq.REP)
    client_socket.connect(address)
    for request in range(1, 10):
        client_socket.recv()
        print("Switched to Client for %s" % request)
        client_socket.send(b"World")
    client_socket.close()


threads = [threading.Thread(target=f) for f in (server, client)]
for t in threads:
    t.start()
for t in threads:
    t.join()
context.term()
